#include "provisioning/qr/label_sheet.hpp"

#include <cairo-pdf.h>

#include <memory>

#include "common/text.hpp"
#include "provisioning/qr/qr_code.hpp"

namespace alarmwire::qr {
namespace {

constexpr double points_a_mm = 72 / 25.4;
constexpr double page_width_mm = 210;
constexpr double page_height_mm = 297;
constexpr int columns = 2;
constexpr int rows = labels_a_page / columns;
constexpr double label_width_mm = page_width_mm / columns;
constexpr double label_height_mm = page_height_mm / rows;
// Printers leave the edge of the page white.
constexpr double margin_mm = 6;
constexpr double code_side_mm = 48;  // with its frame: a module of a ticket is about 1 mm
constexpr double text_left_mm = margin_mm + code_side_mm + 2;
constexpr double text_width_mm = label_width_mm - text_left_mm - margin_mm;
constexpr double ticket_top_mm = 60;
constexpr std::size_t ticket_letters_a_line = 57;
constexpr std::size_t name_bytes_max = 200;

using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;
using Canvas = std::unique_ptr<cairo_t, decltype(&cairo_destroy)>;

struct Font {
  const char* family = "sans-serif";
  bool bold = false;
  double size_mm = 3;
};
constexpr Font small{"sans-serif", false, 2.8};
constexpr Font plain{"sans-serif", false, 3.6};
constexpr Font heading{"sans-serif", true, 5.2};
constexpr Font letters{"monospace", false, 2.5};

double width_mm(cairo_t* canvas, const std::string& text) {
  cairo_text_extents_t extents{};
  cairo_text_extents(canvas, text.c_str(), &extents);
  return extents.x_advance;
}

void drop_last_letter(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

// One line on the label's right; what does not fit ends in "…".
void write(cairo_t* canvas, const Font& font, double x_mm, double y_mm, const std::string& words) {
  cairo_select_font_face(canvas, font.family, CAIRO_FONT_SLANT_NORMAL,
                         font.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(canvas, font.size_mm);
  std::string text = printable(words, name_bytes_max);
  std::string shown = text;
  while (!text.empty() && width_mm(canvas, shown) > label_width_mm - margin_mm - x_mm) {
    drop_last_letter(text);
    shown = text + "…";
  }
  cairo_move_to(canvas, x_mm, y_mm);
  cairo_show_text(canvas, shown.c_str());
}

void draw_code(cairo_t* canvas, const Code& code) {
  const double module_mm = code_side_mm / (code.size + 2 * quiet_modules);
  for (int y = 0; y < code.size; ++y)
    for (int x = 0; x < code.size; ++x)
      if (code.at(x, y))
        cairo_rectangle(canvas, margin_mm + (x + quiet_modules) * module_mm,
                        margin_mm + (y + quiet_modules) * module_mm, module_mm, module_mm);
  cairo_fill(canvas);
}

void draw_line(cairo_t* canvas, double left_mm, double right_mm, double y_mm) {
  cairo_set_line_width(canvas, 0.15);
  cairo_move_to(canvas, left_mm, y_mm);
  cairo_line_to(canvas, right_mm, y_mm);
  cairo_stroke(canvas);
}

void draw_label(cairo_t* canvas, const Label& label, const Code& code) {
  draw_code(canvas, code);
  write(canvas, heading, text_left_mm, 14, label.name.empty() ? label.site : label.name);
  write(canvas, plain, text_left_mm, 20, label.site);
  write(canvas, small, text_left_mm, 27, "Valid until · gültig bis");
  write(canvas, plain, text_left_mm, 31.5, label.expires);
  write(canvas, small, text_left_mm, 36, "for one box · für eine Box");
  write(canvas, small, text_left_mm, 43, "Notes · Notizen");
  for (const double y_mm : {49.0, 55.0})
    draw_line(canvas, text_left_mm, text_left_mm + text_width_mm, y_mm);
  for (std::size_t at = 0, line = 0; at < label.ticket.size(); at += ticket_letters_a_line, ++line)
    write(canvas, letters, margin_mm + 2, ticket_top_mm + 3.4 * static_cast<double>(line),
          label.ticket.substr(at, ticket_letters_a_line));
}

// Where to cut, in a gray that vanishes beside the ink.
void draw_edge(cairo_t* canvas) {
  cairo_set_source_rgb(canvas, 0.8, 0.8, 0.8);
  cairo_set_line_width(canvas, 0.1);
  cairo_rectangle(canvas, 0, 0, label_width_mm, label_height_mm);
  cairo_stroke(canvas);
  cairo_set_source_rgb(canvas, 0, 0, 0);
}

cairo_status_t append(void* file, const unsigned char* bytes, unsigned int count) {
  static_cast<std::string*>(file)->append(reinterpret_cast<const char*>(bytes), count);
  return CAIRO_STATUS_SUCCESS;
}

void draw_at(cairo_t* canvas, int place, const Label& label, const Code& code) {
  cairo_save(canvas);
  cairo_translate(canvas, place % columns * label_width_mm, place / columns * label_height_mm);
  draw_edge(canvas);
  draw_label(canvas, label, code);
  cairo_restore(canvas);
}

}  // namespace

Result<std::string> to_label_sheet(const std::vector<Label>& labels, int first_place) {
  if (labels.empty() || labels.size() > labels_max)
    return Failure(Errc::invalid_argument,
                   "a sheet has 1 to " + std::to_string(labels_max) + " labels");
  if (first_place < 1 || first_place > labels_a_page)
    return Failure(Errc::invalid_argument, "a page has the places 1 to 8");
  std::string file;
  const Surface page(cairo_pdf_surface_create_for_stream(append, &file, page_width_mm * points_a_mm,
                                                         page_height_mm * points_a_mm),
                     &cairo_surface_destroy);
  const Canvas canvas(cairo_create(page.get()), &cairo_destroy);
  cairo_scale(canvas.get(), points_a_mm, points_a_mm);
  int place = first_place - 1;
  for (const Label& label : labels) {
    const Result<Code> code = encode(label.ticket);
    if (code.has_error()) return code.error();
    if (place == labels_a_page) {
      cairo_show_page(canvas.get());
      place = 0;
    }
    draw_at(canvas.get(), place++, label, *code);
  }
  cairo_show_page(canvas.get());
  cairo_surface_finish(page.get());
  for (const cairo_status_t status : {cairo_status(canvas.get()), cairo_surface_status(page.get())})
    if (status != CAIRO_STATUS_SUCCESS)
      return Failure(Errc::io, std::string("no PDF: ") + cairo_status_to_string(status));
  return file;
}

}  // namespace alarmwire::qr
