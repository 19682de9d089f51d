#include "edge/smtp/certificate.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <array>
#include <utility>

#include "common/files.hpp"
#include "common/record.hpp"
#include "edge/smtp/openssl_handles.hpp"

namespace alarmwire::smtp {
namespace {

constexpr const char* not_before_text = "20000101000000Z";
constexpr const char* ca_not_after_text = "20491231235959Z";  // the last year of the short form
constexpr unsigned rsa_bits = 2048;                           // what devices of 2009 know
constexpr std::int64_t day_s = 24 * 3600;

using Extension509 = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using Time509 = std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>>;
using NameList = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;

Failure failed(const std::string& doing) {
  return Failure(Errc::io, doing + ": " + take_tls_error());
}

std::string pem_of(int (*write)(BIO*, const X509*), const X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get(), certificate) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(const Certificate& certificate) {
  return pem_of(PEM_write_bio_X509, certificate.get());
}

std::string pem_of(const Key& key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio ||
      PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return {};
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Certificate certificate_from(const std::string& pem) {
  const Bio bio = bio_of(pem);
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

Key key_from(const std::string& pem) {
  const Bio bio = bio_of(pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return key;
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  return to_hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::int64_t not_after_of(const X509* certificate) {
  int days = 0;
  int seconds = 0;
  const Time509 epoch(ASN1_TIME_set(nullptr, 0));
  if (!epoch ||
      ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(certificate)) != 1) {
    return 0;
  }
  return days * day_s + seconds;
}

// One that exists is kept; a damaged one is replaced.
Result<Key> key_in(const std::string& path, Key (*make)()) {
  if (const Result<std::string> text = read_file(path); text.has_value()) {
    if (Key key = key_from(*text)) return key;
  }
  Key key = make();
  if (!key) return failed("making a key");
  if (const Status written = write_file_atomically(path, pem_of(key), 0600); written.has_error())
    return written.error();
  return key;
}

Key make_rsa() {
  return Key(EVP_RSA_gen(rsa_bits));
}

Key make_ec() {
  return Key(EVP_EC_gen("P-256"));
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension509 extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_random_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, of full length
  const std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(
      BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

void add_to_name(X509_NAME* name, const char* field, const std::string& value) {
  constexpr std::size_t common_name_max = 64;  // RFC 5280 A.1
  const std::string cut = value.substr(0, common_name_max);
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(cut.c_str()), -1, -1, 0);
}

// Everything that CA and certificate have alike; the caller adds extensions and signs.
Certificate begin_certificate(const Key& key, const std::string& common_name) {
  Certificate certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_random_serial(certificate.get()) || X509_set_pubkey(certificate.get(), key.get()) != 1 ||
      ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), not_before_text) != 1) {
    return {};
  }
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  add_to_name(name, "O", "Alarmwire");
  add_to_name(name, "CN", common_name);
  return certificate;
}

Result<Certificate> make_ca(const Key& key, const std::string& host) {
  std::array<unsigned char, 4> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return failed("random bytes");
  const std::string mark = to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  // Two boxes may have one host name; their CAs stand side by side in a device's list.
  Certificate ca = begin_certificate(key, "Alarmwire box CA " + mark + " " + host);
  if (!ca) return failed("making a CA");
  X509* const raw = ca.get();
  if (X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      ASN1_TIME_set_string_X509(X509_getm_notAfter(raw), ca_not_after_text) != 1 ||
      !add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(raw, raw, NID_subject_key_identifier, "hash") ||
      X509_sign(raw, key.get(), EVP_sha256()) == 0) {
    return failed("making a CA");
  }
  return ca;
}

std::string alternative_names(const CertificateNames& names) {
  std::string text;
  for (const std::string& host : names.hosts) text += ",DNS:" + host;
  for (const std::string& address : names.addresses) text += ",IP:" + address;
  return text.empty() ? text : text.substr(1);
}

Result<Certificate> make_certificate(const Key& key, const Key& ca_key, X509* ca,
                                     const CertificateNames& names, WallTimeUs now) {
  Certificate certificate = begin_certificate(key, names.common_name);
  if (!certificate) return failed("making a certificate");
  X509* const raw = certificate.get();
  const std::int64_t end_s = now / 1'000'000 + certificate_days * day_s;
  const bool rsa = EVP_PKEY_is_a(key.get(), "RSA") == 1;
  if (X509_set_issuer_name(raw, X509_get_subject_name(ca)) != 1 ||
      ASN1_TIME_set(X509_getm_notAfter(raw), end_s) == nullptr ||
      !add_extension(raw, ca, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(
          raw, ca, NID_key_usage,
          rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature") ||
      !add_extension(raw, ca, NID_ext_key_usage, "serverAuth") ||
      !add_extension(raw, ca, NID_subject_key_identifier, "hash") ||
      !add_extension(raw, ca, NID_authority_key_identifier, "keyid:always") ||
      !add_extension(raw, ca, NID_subject_alt_name, alternative_names(names)) ||
      X509_sign(raw, ca_key.get(), EVP_sha256()) == 0) {
    return failed("making a certificate");
  }
  return certificate;
}

std::string address_text(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ASN1_STRING_length(bytes);
  if (size != 4 && size != 16) return {};
  inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text.data(), text.size());
  return text.data();
}

CertificateNames names_of(const X509* certificate) {
  CertificateNames names;
  const NameList list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type == GEN_DNS) {
      const auto* const text = ASN1_STRING_get0_data(name->d.dNSName);
      names.hosts.emplace(reinterpret_cast<const char*>(text),
                          static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      names.addresses.insert(address_text(name->d.iPAddress));
    }
  }
  std::array<char, 256> common{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common.data(),
                            common.size());
  names.common_name = common.data();
  return names;
}

bool still_good(const Certificate& certificate, const Key& key, X509* ca,
                const CertificateNames& names, WallTimeUs now) {
  if (!certificate || X509_check_private_key(certificate.get(), key.get()) != 1) return false;
  if (X509_verify(certificate.get(), X509_get0_pubkey(ca)) != 1) return false;
  CertificateNames wanted = names;
  wanted.common_name = wanted.common_name.substr(0, 64);
  const std::int64_t left_s = not_after_of(certificate.get()) - now / 1'000'000;
  // Made under a clock that was far ahead: as bad as one that is over.
  const bool in_time =
      left_s > certificate_renew_days * day_s && left_s <= (certificate_days + 1) * day_s;
  return in_time && names_of(certificate.get()) == wanted;
}

struct Authority {
  Key key;
  Certificate certificate;
};

Result<Authority> authority_in(const std::string& directory, const std::string& host) {
  Result<Key> key = key_in(directory + "/ca.key", make_rsa);
  if (key.has_error()) return key.error();
  Authority authority{std::move(*key), {}};
  const std::string path = directory + "/ca.pem";
  if (const Result<std::string> text = read_file(path); text.has_value())
    authority.certificate = certificate_from(*text);
  if (authority.certificate &&
      X509_check_private_key(authority.certificate.get(), authority.key.get()) == 1) {
    return authority;
  }
  Result<Certificate> made = make_ca(authority.key, host);
  if (made.has_error()) return made.error();
  authority.certificate = std::move(*made);
  const Status written = write_file_atomically(path, pem_of(authority.certificate), 0644);
  if (written.has_error()) return written.error();
  return authority;
}

Status add_key(Identity& identity, const std::string& path, Key (*make)(),
               const Authority& authority, const CertificateNames& names, WallTimeUs now) {
  Result<Key> key = key_in(path + ".key", make);
  if (key.has_error()) return key.error();
  X509* const ca = authority.certificate.get();
  Certificate certificate;
  if (const Result<std::string> text = read_file(path + ".pem"); text.has_value())
    certificate = certificate_from(*text);
  if (!still_good(certificate, *key, ca, names, now)) {
    Result<Certificate> made = make_certificate(*key, authority.key, ca, names, now);
    if (made.has_error()) return made.error();
    certificate = std::move(*made);
    const Status written = write_file_atomically(path + ".pem", pem_of(certificate), 0644);
    if (written.has_error()) return written;
    identity.made = true;
  }
  identity.keys.push_back({pem_of(certificate) + identity.ca_pem, pem_of(*key)});
  return {};
}

void describe(Identity& identity) {
  const Certificate first = certificate_from(identity.keys.front().chain_pem);
  if (!first) return;
  identity.names = names_of(first.get());
  identity.fingerprint = fingerprint_of(first.get());
  identity.not_after_s = not_after_of(first.get());
}

}  // namespace

Result<Identity> own_identity(const std::string& directory, const CertificateNames& names,
                              WallTimeUs now) {
  if (const Status made = make_directories(directory); made.has_error()) return made.error();
  const Result<Authority> authority = authority_in(directory, names.common_name);
  if (authority.has_error()) return authority.error();
  Identity identity;
  identity.ca_pem = pem_of(authority->certificate);
  identity.ca_fingerprint = fingerprint_of(authority->certificate.get());
  for (const auto& [name, make] : {std::pair{"/rsa", &make_rsa}, std::pair{"/ecdsa", &make_ec}}) {
    const Status added = add_key(identity, directory + name, make, *authority, names, now);
    if (added.has_error()) return added.error();
  }
  describe(identity);
  return identity;
}

Result<Identity> identity_from_files(const std::string& certificate_file,
                                     const std::string& key_file) {
  Result<std::string> chain = read_file(certificate_file);
  if (chain.has_error()) return chain.error();
  Result<std::string> key = read_file(key_file);
  if (key.has_error()) return key.error();
  const Certificate certificate = certificate_from(*chain);
  if (!certificate)
    return Failure(Errc::invalid_argument, certificate_file + ": no certificate in PEM");
  const Key secret = key_from(*key);
  if (!secret || X509_check_private_key(certificate.get(), secret.get()) != 1)
    return Failure(Errc::invalid_argument, key_file + ": no key of this certificate in PEM");
  Identity identity;
  identity.keys.push_back({std::move(*chain), std::move(*key)});
  describe(identity);
  return identity;
}

}  // namespace alarmwire::smtp
