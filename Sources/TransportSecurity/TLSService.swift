// SPDX-License-Identifier: Apache-2.0
import EnvelopeModel
import NIOCore
import NIOSSL

/// TLS for the connections of one aggregator: our certificates and whom we trust. Confined to the loop.
package final class TLSService {
    // RFC 7301
    /// The protocol that both ends agree on by ALPN.
    package static let applicationProtocol = "imx/1"

    package let settings: TLSSettings
    /// What is served to new connections.
    package private(set) var inventory: CertificateInventory
    /// The authorities that new connections trace certificates to.
    package private(set) var roots: TrustRoots
    /// Certificates as NIOSSL wants them, made when they are first asked for; bounded, for there may be many names.
    private var prepared: [Domain?: OwnCertificate.Prepared] = [:]
    private let maximumPrepared = 256
    /// How many sessions were ever set up, which is what costs.
    package private(set) var sessionCount = 0

    /// Makes a service of what was read from the disk.
    package init(_ settings: TLSSettings, inventory: CertificateInventory, roots: TrustRoots) {
        self.settings = settings
        self.inventory = inventory
        self.roots = roots
    }

    /// Reads what the settings name, and makes a service of it. Blocks on the disk.
    package convenience init(reading settings: TLSSettings, time: Int64) {
        self.init(
            settings,
            inventory: CertificateInventory(reading: settings, time: time),
            roots: TrustRoots(settings)
        )
    }

    /// Takes what was read anew. Connections that stand keep what they have.
    package func install(_ inventory: CertificateInventory, roots: TrustRoots? = nil) {
        self.inventory = inventory
        if let roots { self.roots = roots }
        prepared.removeAll()
    }

    /// The session for who connected and said `hello`, or why there is none.
    func accept(_ hello: ClientHello) -> Result<TLSSession, TLSRefusal> {
        // S48: who wants another protocol of a name of ours has been led here.
        guard hello.protocols?.contains(TLSService.applicationProtocol) == true else {
            return .failure(
                TLSRefusal(.noApplicationProtocol, "it offers no \(TLSService.applicationProtocol) by ALPN")
            )
        }
        let name = hello.serverName.flatMap { Domain($0) }
        guard let asked = hello.serverName else {
            guard let entry = inventory.defaultEntry else {
                return .failure(TLSRefusal(.missingExtension, "it asks for no name by SNI"))
            }
            return session(nil, entry)
        }
        guard let name, let entry = inventory.entries[name] else {
            return .failure(
                TLSRefusal(.unrecognizedName, "it asks for \(asked.prefix(100)), which has no certificate here")
            )
        }
        return session(name, entry)
    }

    private func session(_ name: Domain?, _ entry: CertificateInventory.Entry) -> Result<TLSSession, TLSRefusal> {
        do {
            var configuration = try prepare(name, entry).server
            configuration.certificateVerification = settings.requestsClientCertificate ? .optionalVerification : .none
            sessionCount += 1
            return .success(try TLSSession(configuration, serverName: name, isServer: true, roots: roots))
        } catch {
            return .failure(TLSRefusal(.internalError, "our certificate cannot be used: \(TLSFailure.classify(error))"))
        }
    }

    /// The session for a connection that we dial.
    func dial(_ name: Domain) throws -> TLSSession {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // Every chain is taken; what it is worth is asked later (PresentedCertificate).
        configuration.certificateVerification = .noHostnameVerification
        if let shown = settings.clientCertificate, let entry = inventory.entries[shown] {
            let own = try prepare(shown, entry)
            configuration.certificateChain = own.chain
            configuration.privateKey = own.key
        }
        sessionCount += 1
        return try TLSSession(configuration, serverName: name, isServer: false, roots: roots)
    }

    private func prepare(_ name: Domain?, _ entry: CertificateInventory.Entry) throws -> OwnCertificate.Prepared {
        if let known = prepared[name] { return known }
        if prepared.count >= maximumPrepared { prepared.removeAll() }
        let made = try entry.certificate.prepare()
        prepared[name] = made
        return made
    }
}

/// Why a handshake is refused before it begins.
struct TLSRefusal: Error {
    /// RFC 8446 §6.2
    enum Alert: UInt8 {
        case decodeError = 50
        case internalError = 80
        case missingExtension = 109
        case unrecognizedName = 112
        case noApplicationProtocol = 120
    }

    /// What the peer is told.
    var alert: Alert
    /// The reason for people on our side.
    var text: String

    init(_ alert: Alert, _ text: String) {
        self.alert = alert
        self.text = text
    }

    /// What kind of refusal that is.
    var kind: TLSFailure.Kind {
        switch alert {
        case .decodeError: .malformed
        case .internalError: .ourCertificate
        case .missingExtension: .noName
        case .unrecognizedName: .unknownName
        case .noApplicationProtocol: .noProtocol
        }
    }

    /// The alert as the record that the peer gets.
    var record: ByteBuffer { ByteBuffer(bytes: [21, 3, 3, 0, 2, 2, alert.rawValue]) }
}
