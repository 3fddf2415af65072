#include "report/html.h"

#include <doctest/doctest.h>

#include <array>
#include <limits>

#include "report/report.h"
#include "tensor/error.h"

namespace curie {
namespace {

const std::string kThin = "\xE2\x80\xAF";      // U+202F
const std::string kReplaced = "\xEF\xBF\xBD";  // U+FFFD

TEST_CASE("markup characters are escaped and other text is left alone") {
  CHECK(html::escape(R"(<a href="x" title='y'>&amp;</a>)") ==
        "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
  CHECK(html::escape("Lungenentz\xC3\xBCndung \xE8\x82\xBA \xF0\x9F\xA9\xBB\n\t.") ==
        "Lungenentz\xC3\xBCndung \xE8\x82\xBA \xF0\x9F\xA9\xBB\n\t.");
  CHECK(html::escape("") == "");
  CHECK(html::name("<b>") == "<bdi>&lt;b&gt;</bdi>");
}

TEST_CASE("what is not UTF-8 becomes the replacement character") {
  CHECK(html::escape(std::string("a\0b\x1B\x7F", 5)) == "a" + kReplaced + "b" + kReplaced + kReplaced);
  CHECK(html::escape("\xFF<") == kReplaced + "&lt;");                                        // no such byte
  CHECK(html::escape("x\xC3") == "x" + kReplaced);                                           // cut short
  CHECK(html::escape("\xC3<script>") == kReplaced + "&lt;script&gt;");                       // must not swallow the <
  CHECK(html::escape("\xC0\xBC") == kReplaced + kReplaced);                                  // overlong <
  CHECK(html::escape("\xE0\x80\xBC") == kReplaced + kReplaced + kReplaced);                  // overlong <
  CHECK(html::escape("\xED\xA0\x80") == kReplaced + kReplaced + kReplaced);                  // surrogate
  CHECK(html::escape("\xF4\x90\x80\x80") == kReplaced + kReplaced + kReplaced + kReplaced);  // beyond U+10FFFF
}

TEST_CASE("JSON for a script cannot end it") {
  const std::string text = html::script_json({{"name", "</script><!--<script>\xFF"}});
  CHECK(text.find('<') == std::string::npos);
  CHECK(nlohmann::json::parse(text).at("name") == "</script><!--<script>" + kReplaced);
}

TEST_CASE("numbers as people read them") {
  CHECK(html::thousands(0) == "0");
  CHECK(html::thousands(999) == "999");
  CHECK(html::thousands(1000) == "1,000");
  CHECK(html::thousands(13808) == "13,808");
  CHECK(html::thousands(-1234567) == "-1,234,567");
  CHECK(html::thousands(-123) == "-123");
  CHECK(html::percent(0.9634) == "96.3" + kThin + "%");
  CHECK(html::fixed(0.10928, 4) == "0.1093");
  CHECK(html::fixed(kUnknown, 4) == "\xE2\x80\x93");
  CHECK(html::percent(kUnknown) == "\xE2\x80\x93");
  CHECK(html::fixed(std::numeric_limits<double>::infinity(), 2) == "\xE2\x88\x9E");
  CHECK(html::duration(0.34) == "340" + kThin + "ms");
  CHECK(html::duration(0.9996) == "1.0" + kThin + "s");
  CHECK(html::duration(17.24) == "17.2" + kThin + "s");
  CHECK(html::duration(59.96) == "1" + kThin + "min 00" + kThin + "s");
  CHECK(html::duration(372) == "6" + kThin + "min 12" + kThin + "s");
  CHECK(html::duration(3840) == "1" + kThin + "h 04" + kThin + "min");
  CHECK(html::duration(kUnknown) == "\xE2\x80\x93");
  CHECK(html::plural(1, "epoch") == "1 epoch");
  CHECK(html::plural(0, "epoch") == "0 epochs");
  CHECK(html::plural(2762, "image") == "2,762 images");
}

TEST_CASE("a template is filled once: what is put in is not a template") {
  const std::array<html::Value, 2> values{{{"a", "{{b}}"}, {"b", "B"}}};
  CHECK(html::fill("-{{a}}-{{b}}{{a}}", values) == "-{{b}}-B{{b}}");
  CHECK(html::fill("plain", values) == "plain");
  CHECK_THROWS_AS(html::fill("{{c}}", values), Error);
  CHECK_THROWS_AS(html::fill("{{a", values), Error);
}

}  // namespace
}  // namespace curie
