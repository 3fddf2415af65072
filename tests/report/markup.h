// A small, strict reader of HTML: what a browser would repair in silence is an error here.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace curie::markup {

struct Element {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;

  const std::string* attribute(std::string_view wanted) const {
    for (const auto& [key, value] : attributes) {
      if (key == wanted) return &value;
    }
    return nullptr;
  }
};

struct Page {
  std::vector<Element> elements;  // in order of their opening tags
  std::string text;               // between tags, outside of script and style, still escaped
  std::string problem;            // the first one; empty: well-formed
};

// Accepts: a doctype, tags with double-quoted or no value attributes, void elements, self-closed elements inside svg,
// script and style up to their end tag. Refuses: unbalanced tags, a stray "<" or ">", an "&" that starts no reference,
// repeated attributes, repeated ids.
class Reader {
 public:
  explicit Reader(std::string_view page) : rest_(page) {}

  Page read() {
    while (!rest_.empty() && page_.problem.empty()) {
      if (rest_.front() == '<') {
        read_tag();
      } else {
        read_text();
      }
    }
    if (page_.problem.empty() && !open_.empty()) page_.problem = "never closed: " + open_.back();
    return std::move(page_);
  }

 private:
  void fail(std::string problem) {
    if (page_.problem.empty()) page_.problem = std::move(problem) + " before: " + std::string(rest_.substr(0, 60));
  }

  void check_references(std::string_view text) {
    for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
      const std::size_t end = text.find(';', at);
      if (end == std::string_view::npos || end - at > 7) fail("a bare &");
    }
  }

  void read_text() {
    const std::string_view text = rest_.substr(0, rest_.find('<'));
    if (text.find('>') != std::string_view::npos) fail("a bare >");
    check_references(text);
    page_.text += text;
    rest_.remove_prefix(text.size());
  }

  void read_tag() {
    if (rest_.substr(0, 15) == "<!DOCTYPE html>") return rest_.remove_prefix(15);
    const bool closing = rest_.substr(0, 2) == "</";
    rest_.remove_prefix(closing ? 2 : 1);
    const std::string name = read_name();
    if (name.empty()) return fail("a bare <");
    if (!closing) return read_opening(name);
    if (open_.empty() || open_.back() != name) return fail("closes what is not open: " + name);
    open_.pop_back();
    expect('>');
  }

  void read_opening(const std::string& name) {
    Element element{name, {}};
    bool self_closed = false;
    while (!rest_.empty() && rest_.front() != '>' && page_.problem.empty()) {
      if (rest_.front() == ' ') {
        rest_.remove_prefix(1);
      } else if (rest_.substr(0, 2) == "/>") {
        self_closed = true;
        rest_.remove_prefix(1);
      } else {
        read_attribute(element);
      }
    }
    expect('>');
    const bool is_void = name == "meta" || name == "img" || name == "br" || name == "input" || name == "link";
    const bool in_svg = std::find(open_.begin(), open_.end(), "svg") != open_.end();
    if (self_closed && !in_svg) fail("closed itself outside of svg: " + name);
    if (!is_void && !self_closed) open_.push_back(name);
    if (name == "script" || name == "style") skip_raw(name);
    page_.elements.push_back(std::move(element));
  }

  void read_attribute(Element& element) {
    const std::string key = read_name();
    if (key.empty()) return fail("no attribute");
    if (element.attribute(key) != nullptr) fail("twice the attribute " + key);
    std::string value;
    if (!rest_.empty() && rest_.front() == '=') {
      rest_.remove_prefix(1);
      expect('"');
      const std::size_t end = rest_.find('"');
      if (end == std::string_view::npos) return fail("an attribute without end");
      value = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      check_references(value);
    }
    if (key == "id") {
      if (std::find(ids_.begin(), ids_.end(), value) != ids_.end()) fail("twice the id " + value);
      ids_.push_back(value);
    }
    element.attributes.emplace_back(key, value);
  }

  void skip_raw(const std::string& name) {
    const std::size_t end = rest_.find("</" + name);
    if (end == std::string_view::npos) return fail("never closed: " + name);
    rest_.remove_prefix(end);
  }

  std::string read_name() {
    std::size_t length = 0;
    while (length < rest_.size() &&
           (std::isalnum(static_cast<unsigned char>(rest_[length])) != 0 || rest_[length] == '-')) {
      ++length;
    }
    const std::string name(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return name;
  }

  void expect(char character) {
    if (rest_.empty() || rest_.front() != character) return fail(std::string("expected ") + character);
    rest_.remove_prefix(1);
  }

  std::string_view rest_;
  Page page_;
  std::vector<std::string> open_, ids_;
};

inline Page read(std::string_view page) { return Reader(page).read(); }

}  // namespace curie::markup
