// SPDX-License-Identifier: Apache-2.0
import CLibCrypto

/// The authorities that certificates are traced to.
package final class TrustRoots: Sendable {
    nonisolated(unsafe) let store: OpaquePointer  // reason: libcrypto locks a store itself; freed with us
    /// The files that could not be read, in words for people.
    package let problems: [String]

    /// Reads the roots that the settings name. Blocks on the disk.
    package init(_ settings: TLSSettings) {
        store = X509_STORE_new()
        var problems: [String] = []
        if settings.usesSystemRoots, X509_STORE_set_default_paths(store) != 1 {
            problems.append("the system's authorities cannot be read; install the package ca-certificates")
        }
        for path in settings.extraRootFiles where X509_STORE_load_file(store, path) != 1 {
            problems.append("\(path): no certificates in PEM can be read there; put the authority's certificate there")
        }
        ERR_clear_error()
        self.problems = problems
    }

    /// Trusts exactly `certificates`.
    init(_ certificates: [X509Certificate]) {
        store = X509_STORE_new()
        problems = []
        for certificate in certificates { X509_STORE_add_cert(store, certificate.pointer) }
    }

    deinit { X509_STORE_free(store) }
}
