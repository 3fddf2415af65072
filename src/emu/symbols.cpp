#include "emu/symbols.h"

#include <cstring>
#include <map>
#include <memory>

#ifdef CURIE_HAVE_LIBDW
#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>
#endif

namespace curie::emu {

#ifdef CURIE_HAVE_LIBDW
namespace {

// Maps this process's modules once.
Dwfl* session() {
  static Dwfl* dwfl = [] {
    static char* no_debug_path = nullptr;
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                             .find_debuginfo = dwfl_standard_find_debuginfo,
                                             .section_address = nullptr,
                                             .debuginfo_path = &no_debug_path};
    Dwfl* begun = dwfl_begin(&callbacks);
    if (begun == nullptr) return begun;
    if (dwfl_linux_proc_report(begun, getpid()) != 0 || dwfl_report_end(begun, nullptr, nullptr) != 0) {
      dwfl_end(begun);
      return static_cast<Dwfl*>(nullptr);
    }
    return begun;
  }();
  return dwfl;
}

Dwfl_Module* module_of(const void* address) {
  Dwfl* dwfl = session();
  return dwfl == nullptr ? nullptr : dwfl_addrmodule(dwfl, reinterpret_cast<Dwarf_Addr>(address));
}

}  // namespace

std::string source_line(const void* address) {
  static std::map<const void*, std::string> known;
  if (const auto found = known.find(address); found != known.end()) return found->second;
  std::string& text = known[address];
  Dwfl_Module* module = module_of(address);
  if (module == nullptr) return text;
  Dwfl_Line* line = dwfl_module_getsrc(module, reinterpret_cast<Dwarf_Addr>(address));
  int number = 0;
  const char* file = line == nullptr ? nullptr : dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
  if (file == nullptr) return text;
  const char* slash = std::strrchr(file, '/');
  text = std::string(slash == nullptr ? file : slash + 1) + ":" + std::to_string(number);
  return text;
}

std::string function_name(const void* address) {
  Dwfl_Module* module = module_of(address);
  const char* symbol =
      module == nullptr ? nullptr : dwfl_module_addrname(module, reinterpret_cast<Dwarf_Addr>(address));
  if (symbol == nullptr) return {};
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
  return status == 0 ? plain.get() : symbol;
}
#else
std::string source_line(const void*) { return {}; }
std::string function_name(const void*) { return {}; }
#endif

}  // namespace curie::emu
