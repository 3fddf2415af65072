#include "report/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/html.h"
#include "report/png.h"
#include "report/sections.h"

namespace curie {
namespace {

using html::escape;

std::string picture(const Picture& picture, std::string_view alt) {
  return fmt::format(R"(<img src="{}" width="{}" height="{}" alt="{}">)", png_data_uri(picture), picture.width,
                     picture.height, escape(alt));
}

std::string view_figure(const View& view) {
  return fmt::format(
      R"(<figure class="card view">{}<figcaption><h3>{}</h3><p class="muted">{}</p></figcaption></figure>)",
      picture(view.picture, view.title), escape(view.title), escape(view.text));
}

std::string beliefs(const ExplainedImage& image) {
  std::string rows;
  for (const auto& [name, probability] : image.beliefs) {
    rows += fmt::format(
        R"(<tr{}><th scope="row">{}</th><td class="wide"><span class="bar"><i style="width:{:.1f}%"></i></span></td><td>{}</td></tr>)",
        name == image.predicted ? R"( class="own")" : "", html::name(name), 100 * std::clamp(probability, 0.0, 1.0),
        html::percent(probability));
  }
  return R"(<table class="numbers beliefs"><tbody>)" + rows + "</tbody></table>";
}

std::string layer_details(const LayerView& layer, std::string_view what) {
  return fmt::format(
      R"(<details class="card layer"><summary>{} <span class="muted">{}, {}</span></summary><p class="muted">{}</p>)"
      R"(<div class="scroll">{}</div></details>)",
      html::name(layer.name), escape(layer.kind), escape(layer.shape), escape(layer.text),
      picture(layer.picture, fmt::format("{} of {}", what, layer.name)));
}

std::string image_section(const ExplainedImage& image, std::size_t number) {
  const auto probability = std::find_if(image.beliefs.begin(), image.beliefs.end(),
                                        [&](const auto& belief) { return belief.first == image.predicted; });
  std::string page = fmt::format(R"(<section id="image-{}"><h2><bdi>{}</bdi></h2>)", number, escape(image.source));
  page += fmt::format(
      R"(<div class="card verdict-card"><div>{}</div><div><p class="answer">The model says <b>{}</b>, {}.</p>{})"
      R"(<p class="muted">Not a diagnosis. The maps below ask what spoke for <b>{}</b>.</p></div></div>)",
      picture(to_look_at(image.picture), "the image as the network sees it"), html::name(image.predicted),
      html::percent(probability == image.beliefs.end() ? 0.0 : probability->second), beliefs(image),
      html::name(image.explained));
  page += R"(<div class="views">)";
  for (const View& view : image.maps) page += view_figure(view);
  page += "</div>";
  if (!image.layers.empty()) {
    page += R"(<h3 class="group">What each layer makes of it</h3>)";
    for (const LayerView& layer : image.layers) page += layer_details(layer, "activations");
  }
  return page + "</section>";
}

std::string fact(std::string_view label, std::string_view value) {
  return value.empty() ? "" : fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", label, escape(value));
}

std::string header(const Explanation& explanation) {
  return fmt::format(
      R"(<header><div class="width"><p class="overline">Curie explains a model</p><h1><bdi>{}</bdi></h1><p class="lead">{}</p>)"
      R"(<dl class="facts">{}</dl><p class="banner" role="note"><strong>Not a diagnosis.</strong> A heat map tells where this )"
      R"(model looked, not where a disease is. A model that is right for a wrong reason (a letter, a border, an arrow) looks )"
      R"(there.</p></div></header>)",
      escape(explanation.model), escape(explanation.description),
      fact("Device", explanation.device) + fact("Curie", explanation.version));
}

std::string navigation(const Explanation& explanation) {
  constexpr std::size_t kMostLinks = 24;
  std::string links;
  for (std::size_t i = 0; i < std::min(explanation.images.size(), kMostLinks); ++i) {
    links += fmt::format(R"(<a href="#image-{}"><bdi>{}</bdi></a>)", i + 1, escape(explanation.images[i].source));
  }
  if (!explanation.filters.empty()) links += R"(<a href="#filters">Filters</a>)";
  return R"(<nav aria-label="Sections"><div class="width">)" + links + "</div></nav>";
}

}  // namespace

std::string render_explanation(const Explanation& explanation) {
  std::string sections;
  for (std::size_t i = 0; i < explanation.images.size(); ++i) sections += image_section(explanation.images[i], i + 1);
  if (!explanation.filters.empty()) {
    sections += R"(<section id="filters"><h2>Filters</h2>)";
    for (const LayerView& layer : explanation.filters) sections += layer_details(layer, "filters");
    sections += "</section>";
  }
  if (!explanation.command_line.empty()) {
    sections += R"(<section id="command"><h2>Command</h2><div class="card"><pre class="command">)" +
                escape(explanation.command_line) + "</pre></div></section>";
  }
  const std::string title = escape("Curie explains " + explanation.model);
  const std::string head = header(explanation), links = navigation(explanation);
  const std::string footer = footer_html(explanation.version, false);
  return page_html(
      {.title = title, .header = head, .navigation = links, .sections = sections, .footer = footer, .scripts = {}});
}

}  // namespace curie
