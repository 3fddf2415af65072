#include "emu/symbols.h"

#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#ifdef CURIE_HAVE_LIBDW
#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>
#endif

namespace curie::emu {
namespace {

std::uintptr_t key_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

struct Range {
  std::uintptr_t first, end;
  bool writable;
};

std::vector<Range> loaded_segments() {
  std::vector<Range> ranges;
  dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* result) {
        for (int i = 0; i < module->dlpi_phnum; ++i) {
          const auto& header = module->dlpi_phdr[i];
          if (header.p_type != PT_LOAD) continue;
          const std::uintptr_t first = module->dlpi_addr + header.p_vaddr;
          static_cast<std::vector<Range>*>(result)->push_back(
              {first, first + header.p_memsz, (header.p_flags & PF_W) != 0});
        }
        return 0;
      },
      &ranges);
  return ranges;
}

}  // namespace

Segment segment_of(const void* address) {
  static const std::vector<Range> ranges = loaded_segments();
  static const Range* last = ranges.data();  // the next address is most often of the same one
  const std::uintptr_t at = key_of(address);
  if (at < last->first || at >= last->end) {
    const auto found = std::find_if(ranges.begin(), ranges.end(),
                                    [at](const Range& range) { return at >= range.first && at < range.end; });
    if (found == ranges.end()) return Segment::none;
    last = &*found;
  }
  return last->writable ? Segment::writable : Segment::constant;
}

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
  return dwfl == nullptr ? nullptr : dwfl_addrmodule(dwfl, key_of(address));
}

std::string without_folders(const char* file) {
  const char* slash = std::strrchr(file, '/');
  return slash == nullptr ? file : slash + 1;
}

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
  return status == 0 ? plain.get() : symbol;
}

// Functions and inlined functions around the address, the innermost first.
struct Scopes {
  explicit Scopes(const void* address) {
    Dwfl_Module* module = module_of(address);
    Dwarf_Addr bias = 0;
    unit = module == nullptr ? nullptr : dwfl_module_addrdie(module, key_of(address), &bias);
    if (unit != nullptr) count = dwarf_getscopes(unit, key_of(address) - bias, &dies);
  }
  ~Scopes() { std::free(dies); }
  Scopes(const Scopes&) = delete;
  Scopes& operator=(const Scopes&) = delete;

  Dwarf_Die* unit = nullptr;
  Dwarf_Die* dies = nullptr;
  int count = 0;
};

Dwarf_Word number(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_attr(die, name, &attribute) != nullptr) dwarf_formudata(&attribute, &value);
  return value;
}

// Where the outermost function that was inlined here is called.
std::pair<std::string, int> outermost_call(const void* address) {
  const Scopes scopes(address);
  for (int i = scopes.count - 1; i >= 0; --i) {
    Dwarf_Die* die = &scopes.dies[i];
    if (dwarf_tag(die) != DW_TAG_inlined_subroutine) continue;
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrcfiles(scopes.unit, &files, &count) != 0) break;
    const char* file = dwarf_filesrc(files, number(die, DW_AT_call_file), nullptr, nullptr);
    if (file == nullptr) break;
    return {without_folders(file), static_cast<int>(number(die, DW_AT_call_line))};
  }
  return {};
}

// The linker's name of a function without what the compiler adds to its copies (".constprop.0").
std::string symbol_of(const void* address) {
  Dwfl_Module* module = module_of(address);
  const char* symbol = module == nullptr ? nullptr : dwfl_module_addrname(module, key_of(address));
  if (symbol == nullptr) return {};
  const std::string name = symbol;
  return name.substr(0, name.find('.'));
}

// The plain name of `a::(anonymous namespace)::f<int>(float)`: f.
std::string plain_name(std::string function) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  for (std::size_t at = function.find(kAnonymous); at != std::string::npos; at = function.find(kAnonymous)) {
    function.erase(at, kAnonymous.size());
  }
  function.erase(std::min(function.find_first_of("(<"), function.size()));
  const std::size_t before = function.find_last_of(": ");
  return before == std::string::npos ? function : function.substr(before + 1);
}

// Of a symbol whose plain text is `<function>::<name>`.
StaticArray static_array(const char* symbol, std::uintptr_t address, std::size_t bytes) {
  const std::string text = demangled(symbol);
  const std::size_t scope = text.rfind("::");
  const std::size_t name = scope == std::string::npos ? 0 : scope + 2;
  return {.name = text.substr(name),
          .function = plain_name(text.substr(0, scope)),
          .data = reinterpret_cast<const std::byte*>(address),
          .bytes = bytes};
}

bool is_static_in_function(const std::string& symbol) { return symbol.rfind("_ZZ", 0) == 0; }

struct Variable {
  std::uintptr_t first;
  std::size_t bytes;
  std::string symbol;
};
using Variables = std::map<std::uintptr_t, Variable>;

std::map<Dwfl_Module*, Variables>& known_variables() {
  static std::map<Dwfl_Module*, Variables> known;
  return known;
}

// The writable ones of the program or library that holds a function.
const Variables& variables_of(Dwfl_Module* module) {
  const auto [entry, first_time] = known_variables().try_emplace(module);
  Variables& variables = entry->second;
  const int count = first_time && module != nullptr ? dwfl_module_getsymtab(module) : 0;
  for (int i = 0; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    const char* text = dwfl_module_getsym_info(module, i, &symbol, &address, nullptr, nullptr, nullptr);
    if (text == nullptr || symbol.st_size == 0 || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT) continue;
    if (segment_of(reinterpret_cast<const void*>(address)) != Segment::writable) continue;
    variables.insert({address, {address, symbol.st_size, text}});
  }
  return variables;
}

// libdw does not know which module .bss belongs to, so all that hold kernels are asked.
const Variable* variable_at(const void* address) {
  if (segment_of(address) != Segment::writable) return nullptr;
  for (const auto& [module, variables] : known_variables()) {
    const auto after = variables.upper_bound(key_of(address));
    if (after == variables.begin()) continue;
    const Variable& before = std::prev(after)->second;
    if (key_of(address) < before.first + before.bytes) return &before;
  }
  return nullptr;
}

}  // namespace

std::string source_line(const void* address) {
  static std::map<const void*, std::string> known;
  if (const auto found = known.find(address); found != known.end()) return found->second;
  std::string& text = known[address];
  Dwfl_Module* module = module_of(address);
  if (module == nullptr) return text;
  Dwfl_Line* line = dwfl_module_getsrc(module, key_of(address));
  int at = 0;
  const char* file = line == nullptr ? nullptr : dwfl_lineinfo(line, nullptr, &at, nullptr, nullptr, nullptr);
  if (file == nullptr) return text;
  const std::string innermost = without_folders(file);
  text = innermost + ":" + std::to_string(at);
  if (const auto [caller, caller_line] = outermost_call(address); !caller.empty() && caller != innermost) {
    text += ", called at " + caller + ":" + std::to_string(caller_line);
  }
  return text;
}

std::string function_name(const void* address) {
  const std::string symbol = symbol_of(address);
  return symbol.empty() ? symbol : demangled(symbol.c_str());
}

std::vector<StaticArray> static_arrays_of(const void* function) {
  std::vector<StaticArray> arrays;
  const std::string name = symbol_of(function);
  if (name.size() < 3) return arrays;
  const std::string prefix = "_ZZ" + name.substr(2) + "E";
  for (const auto& [first, variable] : variables_of(module_of(function))) {
    if (variable.symbol.rfind(prefix, 0) == 0)
      arrays.push_back(static_array(variable.symbol.c_str(), first, variable.bytes));
  }
  return arrays;
}

std::optional<StaticArray> static_array_at(const void* address) {
  const Variable* variable = variable_at(address);
  if (variable == nullptr || !is_static_in_function(variable->symbol)) return {};
  return static_array(variable->symbol.c_str(), variable->first, variable->bytes);
}

bool is_global_variable(const void* address) {
  const Variable* variable = variable_at(address);
  return variable != nullptr && !is_static_in_function(variable->symbol) &&
         variable->symbol.rfind("_ZGV", 0) != 0;  // guards of static variables are the compiler's
}

bool is_code_of(const void* address, const std::string& function) {
  if (plain_name(function_name(address)) == function) return true;
  const Scopes scopes(address);
  for (int i = 0; i < scopes.count; ++i) {
    const char* name = dwarf_diename(&scopes.dies[i]);
    if (name != nullptr && plain_name(name) == function) return true;
  }
  return false;
}
#else
std::string source_line(const void*) { return {}; }
std::string function_name(const void*) { return {}; }
std::vector<StaticArray> static_arrays_of(const void*) { return {}; }
std::optional<StaticArray> static_array_at(const void*) { return {}; }
bool is_global_variable(const void*) { return false; }
bool is_code_of(const void*, const std::string&) { return false; }
#endif

}  // namespace curie::emu
