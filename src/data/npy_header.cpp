#include "data/npy_header.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "tensor/error.h"

namespace curie {
namespace {

// Positions are those of NpyType.
constexpr std::array<std::string_view, 5> kCodes = {"u1", "i4", "i8", "f4", "f8"};
constexpr std::size_t kPrefixBytes = 10;  // magic, version, length
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kGrowth = 21;  // NumPy leaves room for the first extent to grow to so many digits

// Reads the few kinds of Python literals that a header is made of.
class Literals {
 public:
  Literals(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  // Whether `mark` comes next; if so it is taken.
  bool take(char mark) {
    skip_spaces();
    if (!text_.starts_with(mark)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char mark) {
    if (!take(mark)) fail(fmt::format("expected \"{}\"", mark));
  }
  std::string string() {
    skip_spaces();
    if (!text_.starts_with('\'') && !text_.starts_with('"')) fail("expected a text in quotes");
    const char quote = text_.front();
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) fail("a quote is not closed");
    std::string content(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return content;
  }
  bool boolean() {
    skip_spaces();
    for (const auto& [word, value] : {std::pair(std::string_view("True"), true), {"False", false}}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    fail("expected True or False");
  }
  std::vector<int> tuple() {
    std::vector<int> extents;
    expect('(');
    while (!take(')')) {
      extents.push_back(extent());
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return extents;
  }
  void expect_end() {
    skip_spaces();
    if (!text_.empty()) fail("expected the header to end");
  }

  [[noreturn]] void fail(std::string_view what) const {
    std::string found;
    for (const char letter : text_.substr(0, 24)) found += letter >= ' ' && letter <= '~' ? letter : '?';
    throw_error(ErrorKind::file, fmt::format("{}: damaged header: {}, found \"{}\"", name_, what, found));
  }

 private:
  void skip_spaces() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size())); }

  int extent() {
    skip_spaces();
    const std::size_t end = std::min(text_.find_first_not_of("0123456789"), text_.size());
    if (end == 0) fail("expected an extent");
    std::int64_t value = 0;
    for (const char digit : text_.substr(0, end)) {
      value = 10 * value + (digit - '0');
      CURIE_CHECK(value <= std::numeric_limits<int>::max(), file, "{}: expected extents up to {}, found {}", name_,
                  std::numeric_limits<int>::max(), text_.substr(0, std::min<std::size_t>(end, 40)));
    }
    text_.remove_prefix(end);
    if (text_.starts_with('L')) text_.remove_prefix(1);  // a long of Python 2
    return static_cast<int>(value);
  }

  std::string_view text_, name_;
};

NpyType type_of(const std::string& descr, std::string_view name) {
  const std::string_view code = std::string_view(descr).substr(std::min<std::size_t>(1, descr.size()));
  const auto* known = std::find(kCodes.begin(), kCodes.end(), code);
  const bool number = known != kCodes.end();
  CURIE_CHECK(!(number && descr[0] == '>' && code != "u1"), file,
              "{}: expected little-endian numbers, found big-endian ones ({}); write it with a.astype(\"<{}\")", name,
              descr, code);
  CURIE_CHECK(code.empty() || code[0] != 'O', file,
              "{}: expected numbers, found Python objects ({}); write it with a.astype(\"float32\")", name, descr);
  CURIE_CHECK(number && (descr[0] == '<' || descr[0] == '|' || descr[0] == '=' || code == "u1"), file,
              "{}: expected numbers of type |u1, <i4, <i8, <f4 or <f8, found \"{}\"; convert it with a.astype(...)",
              name, descr);
  return static_cast<NpyType>(known - kCodes.begin());
}

}  // namespace

NpyHeader parse_npy_header(std::string_view text, std::string_view name) {
  Literals literals(text, name);
  std::optional<NpyType> type;
  std::optional<bool> fortran;
  std::optional<std::vector<int>> extents;
  literals.expect('{');
  while (!literals.take('}')) {
    const std::string member = literals.string();
    literals.expect(':');
    if (member == "descr" && !type) {
      CURIE_CHECK(!literals.take('['), file, "{}: expected numbers of one type, found records of several fields", name);
      type = type_of(literals.string(), name);
    } else if (member == "fortran_order" && !fortran) {
      fortran = literals.boolean();
    } else if (member == "shape" && !extents) {
      extents = literals.tuple();
    } else {
      literals.fail("expected descr, fortran_order and shape, each once");
    }
    if (!literals.take(',')) {
      literals.expect('}');
      break;
    }
  }
  literals.expect_end();
  if (!type || !fortran || !extents) literals.fail("expected descr, fortran_order and shape");
  const auto rank = static_cast<int>(extents->size());
  CURIE_CHECK(!*fortran || rank <= 1, file,
              "{}: expected C order, found Fortran order; write it with numpy.ascontiguousarray(a)", name);
  CURIE_CHECK(rank <= Shape::kMaxRank, file, "{}: expected at most {} extents, found {}", name, Shape::kMaxRank, rank);
  std::size_t bytes = size_of(*type);
  for (const int extent : *extents) {
    const auto factor = static_cast<std::size_t>(extent);
    CURIE_CHECK(factor == 0 || bytes <= std::numeric_limits<std::ptrdiff_t>::max() / factor, file,
                "{}: the shape ({}) is beyond any memory", name, fmt::join(*extents, ", "));
    bytes *= factor;
  }
  return {*type, Shape(std::span<const int>(*extents)), bytes};
}

std::string format_npy_header(NpyType type, const Shape& shape) {
  const std::string code = (type == NpyType::u8 ? "|" : "<") + std::string(kCodes[static_cast<std::size_t>(type)]);
  const std::string comma = shape.rank() == 1 ? "," : "";
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", code,
                                 fmt::join(shape.extents(), ", "), comma);
  if (shape.rank() > 0) text.append(kGrowth - std::to_string(shape[0]).size(), ' ');
  const std::size_t end = kPrefixBytes + text.size() + 1;
  text.append((kAlignment - end % kAlignment) % kAlignment, ' ');
  return text + '\n';
}

}  // namespace curie
