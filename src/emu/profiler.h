// What checked mode tells the access profile. Included by check.cpp and profile.cpp only.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <tuple>

#include "emu/check_memory.h"
#include "emu/profile.h"

namespace curie::emu {

struct ProfiledAccess {
  const Region* region;
  const std::byte* address;
  std::size_t bytes;
  bool write;
  std::uint32_t place;
};

class Profiler {
 public:
  void start(std::size_t blocks);
  std::vector<ProfileRow> stop();

  void launch_begins(const char* kernel);
  bool block_begins();  // whether to watch it
  void access(const ProfiledAccess& access, int thread);
  void flush(const std::function<std::string(std::uint32_t)>& line_of);

 private:
  struct Touch {
    std::uintptr_t address;
    std::size_t lane;
  };
  // Of one instruction and warp, since the last barrier.
  struct Stream {
    std::array<std::uint32_t, 32> times{};
    std::vector<std::vector<Touch>> requests;
  };
  std::size_t blocks_ = 0, seen_ = 0, kernel_ = 0;
  std::vector<std::string> kernels_;
  std::map<std::tuple<std::uint32_t, const Region*, std::size_t, bool, std::size_t>, Stream> streams_;
  std::map<std::tuple<std::size_t, std::string, bool, bool, std::string>, ProfileRow> rows_;
};

Profiler& profiler();

}  // namespace curie::emu
