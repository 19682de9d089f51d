// What the door says (RFC 5321 4.2, enhanced codes RFC 3463). Each is one line without its CRLF;
// none carries bytes from the device.
#pragma once

#include <string_view>

namespace alarmwire::smtp::replies {

using Text = std::string_view;
inline constexpr Text ok = "250 2.0.0 ok";
inline constexpr Text sender_ok = "250 2.1.0 sender ok";
inline constexpr Text recipient_ok = "250 2.1.5 recipient ok";
inline constexpr Text go_ahead = "354 end with a dot alone on a line";
inline constexpr Text bye = "221 2.0.0 bye";
inline constexpr Text verify = "252 2.5.0 send the mail, it will be carried";
inline constexpr Text help = "214 2.0.0 this box takes alarm mails and carries them to the centre";
inline constexpr Text unknown = "500 5.5.1 command not known";
inline constexpr Text line_too_long = "500 5.5.2 line too long";
inline constexpr Text not_offered = "502 5.5.1 not offered here";
inline constexpr Text bad_sender = "501 5.1.7 sender not understood, say MAIL FROM:<address>";
inline constexpr Text bad_recipient = "501 5.1.3 recipient not understood, say RCPT TO:<address>";
inline constexpr Text mail_open = "503 5.5.1 a mail is open already";
inline constexpr Text mail_first = "503 5.5.1 say MAIL first";
inline constexpr Text recipient_first = "503 5.5.1 say RCPT first";
inline constexpr Text no_recipients = "554 5.5.1 no recipient was accepted";
inline constexpr Text not_ours = "550 5.7.1 not relayed, only addresses of this installation";
inline constexpr Text too_many_recipients = "452 4.5.3 too many recipients";
inline constexpr Text too_large = "552 5.3.4 mail too large";
inline constexpr Text no_room = "452 4.3.1 no room at box";
inline constexpr Text cannot_store = "451 4.3.0 cannot store at box, try again";
inline constexpr Text idle = "421 4.4.2 nothing heard for too long, closing";
inline constexpr Text data_too_slow = "421 4.4.2 mail took too long, closing";
inline constexpr Text session_too_long = "421 4.4.2 session open for too long, closing";
inline constexpr Text no_progress = "421 4.7.0 too many commands without a mail, closing";
inline constexpr Text start_tls = "220 2.0.0 start TLS now";
inline constexpr Text tls_already = "503 5.5.1 inside TLS already";
inline constexpr Text tls_unavailable = "454 4.7.0 TLS is not available just now";
inline constexpr Text no_parameters = "501 5.5.4 this command takes no parameter";
inline constexpr Text tls_first = "530 5.7.0 say STARTTLS first";
inline constexpr Text auth_ok = "235 2.7.0 welcome";
inline constexpr Text auth_first = "530 5.7.0 say AUTH first";
inline constexpr Text auth_wrong = "535 5.7.8 user or password wrong";
inline constexpr Text auth_broken = "501 5.5.2 not understood, base64 is wanted";
inline constexpr Text auth_cancelled = "501 5.7.0 cancelled";
inline constexpr Text auth_mechanism =
    "504 5.5.4 mechanism not known, say PLAIN, LOGIN or CRAM-MD5";
inline constexpr Text auth_needs_tls = "538 5.7.11 say STARTTLS first";
inline constexpr Text auth_already = "503 5.5.1 authenticated already";
inline constexpr Text auth_line_too_long = "500 5.5.6 line too long";
inline constexpr Text no_greeting = "503 5.5.1 say EHLO first";
inline constexpr Text quirk_refused = "501 5.5.2 not taken from this device: ";  // and its name
inline constexpr Text not_smtp = "421 4.7.0 this port speaks SMTP in clear text, closing";
inline constexpr Text stopping = "421 4.3.2 box is stopping, closing";
inline constexpr Text too_many_sessions = "421 4.3.2 too many sessions, try again";
inline constexpr Text too_many_from_device = "421 4.7.0 too many sessions from this device";

}  // namespace alarmwire::smtp::replies
