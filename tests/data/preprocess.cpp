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

TEST_CASE("BGR is RGB with red and blue exchanged") {
  Preprocessing wanted{.width = 20, .height = 24, .channels = 3, .resample = Resample::opencv_linear};
  const Image colour = noise_image(50, 33, 3, 4);
  const Image grey = noise_image(50, 33, 1, 4);
  std::vector<std::uint8_t> expected = run(colour, wanted);
  for (std::size_t i = 0; i < expected.size(); i += 3) std::swap(expected[i], expected[i + 2]);
  const std::vector<std::uint8_t> of_grey = run(grey, wanted);
  wanted.channel_order = ChannelOrder::bgr;
  CHECK(run(colour, wanted) == expected);
  CHECK(run(grey, wanted) == of_grey);
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
  for (const Resample filter : kResamples) {
    for (const ChannelOrder order : {ChannelOrder::rgb, ChannelOrder::bgr}) {
      const Preprocessing wanted{.width = 70, .height = 80, .channels = 3, .resample = filter, .channel_order = order};
      CHECK(preprocessing_from_json(nlohmann::json::parse(to_json(wanted).dump())) == wanted);
    }
  }
  const char* before = R"({"width":70,"height":80,"channels":3,"resample":"bilinear"})";
  CHECK(preprocessing_from_json(nlohmann::json::parse(before)).channel_order == ChannelOrder::rgb);
  const Preprocessing opencv{.width = 70,
                             .height = 70,
                             .channels = 3,
                             .resample = Resample::opencv_linear,
                             .channel_order = ChannelOrder::bgr};
  CHECK(to_string(opencv) == "70 x 70 BGR, opencv_linear");
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
  refused(R"({"width":64,"height":64,"channels":2,"resample":"bicubic"})", "1 (grey) or 3 (colours), got 2");
  refused(R"({"width":64,"height":64,"channels":1,"resample":"sinc"})", "got \"sinc\"");
  refused(R"({"width":64,"height":64,"channels":1})", "\"resample\"");
  refused(R"({"width":64,"height":64,"channels":3,"resample":"bicubic","channel_order":"gbr"})", "got \"gbr\"");
  refused(R"({"width":64,"height":64,"channels":3,"resample":"bicubic","channel_order":1})", "got 1");
  refused(R"({"width":64,"height":64,"channels":1,"resample":"bicubic","channel_order":"bgr"})", "order bgr, got 1");
}

TEST_CASE("a preprocessing that cannot work is refused") {
  CHECK(error_of([] { Preprocessor(Preprocessing{.width = 0}); }).kind == ErrorKind::usage);
  CHECK(error_of([] { Preprocessor(Preprocessing{.channels = 4}); }).says("got 4"));
  CHECK(error_of([] { Preprocessor(Preprocessing{.channel_order = ChannelOrder::bgr}); }).says("order bgr, got 1"));
}

}  // namespace
}  // namespace curie
