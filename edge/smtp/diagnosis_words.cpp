#include "edge/smtp/diagnosis_words.hpp"

#include "edge/smtp/command.hpp"
#include "edge/smtp/path.hpp"

namespace alarmwire::smtp {
namespace {

using Id = FindingId;

std::string size_in_words(std::uint64_t bytes) {
  constexpr std::uint64_t mib = 1024 * 1024;
  if (bytes >= 10 * mib) return std::to_string(bytes / mib) + " MiB";
  if (bytes >= mib) {
    return std::to_string(bytes / mib) + "." + std::to_string(bytes % mib * 10 / mib) + " MiB";
  }
  if (bytes >= 10 * 1024) return std::to_string(bytes / 1024) + " KiB";
  return std::to_string(bytes) + " bytes";
}

// The address of "RCPT TO:<x@gmail.com>".
std::string address_in(std::string_view command) {
  const Command parsed = parse_command(command);
  const auto path = parse_path(parsed.argument, parsed.verb == Verb::rcpt ? "TO" : "FROM");
  return path ? path->address : std::string(parsed.argument);
}

Finding of_tls(Id id, std::string_view detail) {
  const std::string legacy =
      "update the device's firmware; else give it a listener with tls_level = 0 in "
      "[[smtp.listener]], or set its security to none";
  switch (id) {
    case Id::old_tls:
      return {id,
              "insists on " + (detail.empty() ? "an old TLS" : std::string(detail)) +
                  ", which this listener does not take",
              legacy};
    case Id::no_common_cipher:
      return {id, "knows no encryption that this listener takes", legacy};
    case Id::certificate_refused:
      return {id, "does not trust the box's certificate",
              "import the box's authority into the device (alarmwire certificate export), or "
              "switch its check of the server off; the server's name in the device must be one "
              "that alarmwire certificate show lists"};
    case Id::certificate_expired:
      return {id, "takes the box's certificate for expired",
              "set the device's clock (NTP); alarmwire certificate show says how long it is valid"};
    case Id::tls_broken_off:
      return {id, "asks for TLS and then breaks off",
              "import the box's authority (alarmwire certificate export); if that does not help, "
              "set the device's security to none, or hide STARTTLS: ehlo_hide = [\"STARTTLS\"] in "
              "its [[device]]"};
    case Id::tls_on_clear_port:
      return {id, "speaks TLS from the first byte on a port that begins in clear text",
              "set the port to 465, or the security to STARTTLS (some call it TLS) or none"};
    case Id::clear_on_tls_port:
      return {id, "speaks clear text on a port that is TLS from the first byte",
              "set the security to SSL, or the port to 25 or 587"};
    case Id::no_certificate:
      return {id, "asks for TLS, and the box has no usable certificate",
              "look for SMTP_CERTIFICATE_UNUSABLE in the log of the box"};
    case Id::starttls_off:
      return {id, "asks for STARTTLS, which this listener does not have",
              "set the device's security to none, or tls = \"starttls\" in [[smtp.listener]]"};
    case Id::tls_missing:
      return {id, "sends in clear text where TLS is required",
              "set the device's security to STARTTLS (some call it TLS), or tls = \"starttls\" in "
              "[[smtp.listener]] to have both"};
    default:
      return {id, "the TLS handshake failed: " + std::string(detail),
              "set the device's security to none, if the LAN allows it"};
  }
}

Finding of_envelope(Id id, std::string_view detail, const DialogueFacts& facts) {
  switch (id) {
    case Id::foreign_recipient: {
      const std::string address = address_in(detail);
      return {id, "sends to " + address + ", which is not of this installation",
              "set the recipient to an address that ends in @" + facts.zone +
                  " or below it (alarmwire device settings shows one), or foreign_recipients = "
                  "true in its [[device]]"};
    }
    case Id::bad_recipient:
      return {id, "names a recipient that is no address: " + address_in(detail),
              "set one single recipient, like alarm@" + facts.zone};
    case Id::bad_sender:
      return {id, "names a sender that is no address: " + address_in(detail),
              "set a sender like camera@" + facts.zone};
    case Id::too_many_recipients:
      return {id, "names more recipients than a mail may have", "set one recipient"};
    case Id::wrong_password:
      return {id,
              detail == "let in"
                  ? "gives a wrong user or password; its mails are taken all the same"
                  : "gives a wrong user or password",
              "enter user and password of a [[smtp.user]] again; many devices cut off what is "
              "longer than 16 or 32 letters"};
    case Id::auth_missing:
      return {id, "sends without user and password where they are required",
              "switch authentication on in the device, or auth = \"optional\" in "
              "[[smtp.listener]]"};
    default:
      return {id, "wants a way to log in that the box does not have",
              "set the authentication to LOGIN or PLAIN (\"normal password\"), or none"};
  }
}

Finding of_mail(Id id, const DialogueFacts& facts) {
  const std::string sent = size_in_words(facts.data_bytes);
  switch (id) {
    case Id::too_large:
      return {id, "sends mails larger than " + size_in_words(facts.message_bytes_max),
              "lower the number, size or quality of its pictures, or raise message_size in "
              "[smtp.limits]"};
    case Id::stops_in_data:
      return {id, "stops after " + sent + " of a mail",
              "lower the number, size or quality of its pictures: many devices have a limit of "
              "their own; else look at cable and WLAN"};
    case Id::silent_in_data:
      return {id, "goes silent after " + sent + " of a mail and never ends it",
              "lower the size of its pictures; if it happens with small mails too, update its "
              "firmware and look at cable and WLAN"};
    case Id::odd_final_dot:
      return {id, "ends its mail by a dot between mixed line ends, which is no end",
              "update the device's firmware; it must end lines by CR LF, or all of them by LF"};
    case Id::too_slow:
      return {id, "takes too long for one mail (" + sent + " so far)",
              "lower the size of its pictures, or raise data_time in [smtp.limits]"};
    case Id::hung_up_waiting:
      return {id, "hangs up before the box has answered its mail; the box keeps the mail",
              "set reply = \"store-and-forward\" or a shorter ack_wait in [[smtp.listener]], or "
              "a longer timeout in the device"};
    case Id::not_confirmed:
      return {id, "was told to try again: the centre had not confirmed its mail in time",
              "nothing at the device; the mail is delivered. alarmwire status says how the way to "
              "the centre is"};
    case Id::box_full:
      return {id, "finds the box full", "nothing at the device; alarmwire status says what waits"};
    default:
      return {id, "its mail could not be stored on the box",
              "nothing at the device; look for SPOOL_ in the log of the box"};
  }
}

Finding of_session(Id id, std::string_view detail) {
  switch (id) {
    case Id::http:
      return {id, "speaks HTTP on a port for mail", "this is a browser or a scanner: no camera"};
    case Id::box_stopping:
      return {id, "was sent away while the box stopped", "nothing: it may come again"};
    case Id::door_full:
      return {id, "was sent away because the door is full of sessions",
              "alarmwire device list shows who holds them; sessions in [smtp.limits]"};
    case Id::idle:
      return {id, "connects and then says nothing for too long",
              "check port and security in the device; if it keeps connections open, that is "
              "harmless"};
    case Id::open_too_long:
      return {id, "keeps its connection open for hours", "nothing: it may come again"};
    case Id::commands_only:
      return {id, "sends many commands and no mail", "this is a scanner, or broken firmware"};
    case Id::wrong_order:
      return {id, "sends commands in an order that makes no sense: " + std::string(detail),
              "update the device's firmware"};
    case Id::line_too_long:
      return {id, "sends a command line that is too long",
              "shorten names and addresses in the device; command_line_size in [smtp.limits]"};
    case Id::quirk_refused:
      return {id, "does what its [[device]] refuses: " + std::string(detail),
              "take \"" + std::string(detail) + "\" out of refuse_quirks"};
    case Id::greets_only:
      return {id, "greets and hangs up",
              "if that was not its connection test: it may choke on the answer to EHLO, say "
              "ehlo_hide = [\"*\"] in its [[device]]"};
    case Id::helo_only:
      return {id, "knows HELO only: neither STARTTLS nor a login is offered to it",
              "nothing; its mails go in clear text"};
    default:
      return {id, "says something that is no command of SMTP: " + std::string(detail),
              "nothing, if its mails arrive"};
  }
}

}  // namespace

Finding in_words(FindingId id, std::string_view detail, const DialogueFacts& facts) {
  switch (id) {
    case Id::old_tls:
    case Id::no_common_cipher:
    case Id::certificate_refused:
    case Id::certificate_expired:
    case Id::tls_broken_off:
    case Id::tls_failed:
    case Id::tls_on_clear_port:
    case Id::clear_on_tls_port:
    case Id::no_certificate:
    case Id::starttls_off:
    case Id::tls_missing:
      return of_tls(id, detail);
    case Id::foreign_recipient:
    case Id::bad_recipient:
    case Id::bad_sender:
    case Id::too_many_recipients:
    case Id::wrong_password:
    case Id::auth_missing:
    case Id::auth_mechanism:
      return of_envelope(id, detail, facts);
    case Id::too_large:
    case Id::stops_in_data:
    case Id::silent_in_data:
    case Id::odd_final_dot:
    case Id::too_slow:
    case Id::hung_up_waiting:
    case Id::not_confirmed:
    case Id::box_full:
    case Id::cannot_store:
      return of_mail(id, facts);
    default:
      return of_session(id, detail);
  }
}

std::string old_version(std::string_view tls_failure) {
  constexpr std::string_view words = "offers at most ";
  const std::size_t at = tls_failure.find(words);
  return std::string(at == std::string_view::npos ? "" : tls_failure.substr(at + words.size()));
}

}  // namespace alarmwire::smtp
