#include "data/preprocess.h"

#include <doctest/doctest.h>

#include "data/grey.h"
#include "pictures.h"

namespace curie {
namespace {

std::vector<std::uint8_t> run(const Image& image, const Preprocessing& preprocessing) {
  std::vector<std::uint8_t> out(preprocessing.bytes());
  preprocess(image, preprocessing, out.data());
  return out;
}

TEST_CASE("one channel is grey first and resized then") {
  const Image image = noise_image(90, 70, 3, 4);
  const Preprocessing wanted{.width = 40, .height = 30};
  CHECK(run(image, wanted) == resize(to_grey(image), 40, 30, Resample::bicubic).pixels);
}

TEST_CASE("three channels are resized as they are, and a grey file gives three equal ones") {
  const Preprocessing wanted{.width = 20, .height = 24, .channels = 3, .resample = Resample::bilinear};
  const Image colour = noise_image(50, 33, 3, 4);
  CHECK(run(colour, wanted) == resize(colour, 20, 24, Resample::bilinear).pixels);

  const Image grey = noise_image(50, 33, 1, 6);
  Image spread{50, 33, 3, {}};
  for (const std::uint8_t value : grey.pixels) spread.pixels.insert(spread.pixels.end(), 3, value);
  CHECK(run(grey, wanted) == resize(spread, 20, 24, Resample::bilinear).pixels);
}

TEST_CASE("a preprocessor that has met many sizes still gives the same pixels") {
  const Preprocessing wanted{.width = 16, .height = 16};
  Preprocessor preprocessor(wanted);
  std::vector<std::uint8_t> out(wanted.bytes());
  for (int round = 0; round < 2; ++round) {
    for (int size = 1; size <= 50; ++size) {
      const Image image = noise_image(size, 51 - size, 1 + 2 * (size % 2), 9);
      preprocessor.run(image, out.data());
      REQUIRE(out == run(image, wanted));
    }
  }
}

TEST_CASE("preprocessing survives JSON") {
  for (const Resample filter : {Resample::nearest, Resample::bilinear, Resample::bicubic}) {
    const Preprocessing wanted{.width = 70, .height = 80, .channels = 3, .resample = filter};
    CHECK(preprocessing_from_json(nlohmann::json::parse(to_json(wanted).dump())) == wanted);
  }
  CHECK(to_json(Preprocessing{}).dump() == R"({"channels":1,"height":64,"resample":"bicubic","width":64})");
  CHECK(to_string(Preprocessing{}) == "64 x 64 grey, bicubic");
}

TEST_CASE("hostile JSON is refused with the member's name") {
  const auto refused = [](const char* text, const char* why) {
    CAPTURE(text);
    const Thrown thrown = error_of([&] { preprocessing_from_json(nlohmann::json::parse(text)); });
    CHECK(thrown.kind == ErrorKind::file);
    CHECK(thrown.says(why));
  };
  refused("[]", "expected a JSON object, got array");
  refused(R"({"height":64,"channels":1,"resample":"bicubic"})", "\"width\"");
  refused(R"({"width":"64","height":64,"channels":1,"resample":"bicubic"})", "\"width\"");
  refused(R"({"width":64,"height":99999999999,"channels":1,"resample":"bicubic"})", "got 99999999999");
  refused(R"({"width":64,"height":0,"channels":1,"resample":"bicubic"})", "\"height\" from 1");
  refused(R"({"width":64,"height":64,"channels":2,"resample":"bicubic"})", "1 (grey) or 3 (RGB), got 2");
  refused(R"({"width":64,"height":64,"channels":1,"resample":"sinc"})", "got \"sinc\"");
  refused(R"({"width":64,"height":64,"channels":1})", "\"resample\"");
}

TEST_CASE("a preprocessing that cannot work is refused") {
  CHECK(error_of([] { Preprocessor(Preprocessing{.width = 0}); }).kind == ErrorKind::usage);
  CHECK(error_of([] { Preprocessor(Preprocessing{.channels = 4}); }).says("got 4"));
}

}  // namespace
}  // namespace curie
