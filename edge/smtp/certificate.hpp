// The box's certificate. Its own kind: a CA of this box alone, made at the first start, that signs
// an RSA certificate (for old devices) and an ECDSA one (for all others). A technician imports the
// CA into devices once; the certificates below it are renewed by themselves.
//
// The CA is valid from 2000 to 2049 and certificates from 2000 on, whatever the clock says: cameras
// without a battery live in 2000 until they have heard the time.
// Thread-safety: pure functions on values and files; one writer of a directory.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/error.hpp"
#include "edge/smtp/tls_context.hpp"

namespace alarmwire::smtp {

inline constexpr std::int64_t certificate_days = 825;        // for longer, some clients refuse it
inline constexpr std::int64_t certificate_renew_days = 275;  // with less than this left

struct CertificateNames {
  std::set<std::string> hosts;      // lower case; the first stands as the common name
  std::set<std::string> addresses;  // as text
  std::string common_name;
  bool operator==(const CertificateNames&) const = default;
};

struct Identity {
  std::vector<CertifiedKey> keys;
  std::string ca_pem;            // of the box's own CA; empty with files of somebody else
  std::string ca_fingerprint;    // SHA-256, hex
  std::string fingerprint;       // of the first certificate
  CertificateNames names;        // of the first certificate
  std::int64_t not_after_s = 0;  // Unix time, of the first certificate
  bool made = false;             // certificates were made or renewed just now
};

// Reads CA and certificates from `directory`, and makes or renews what is missing, damaged, soon
// over or of other names. Keys are kept as long as they can be read.
Result<Identity> own_identity(const std::string& directory, const CertificateNames& names,
                              WallTimeUs now);
// Somebody else's certificate, its chain and its key, in PEM.
Result<Identity> identity_from_files(const std::string& certificate_file,
                                     const std::string& key_file);

}  // namespace alarmwire::smtp
