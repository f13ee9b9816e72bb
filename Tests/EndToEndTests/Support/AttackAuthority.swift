// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A private authority, certificates of its own and of nobody's, and TLS ends that show them.
final class AttackAuthority {
    private let folder: URL
    let root: String

    init(in scratch: Scratch) async throws {
        folder = try scratch.directory("authority")
        root = folder.appending(path: "root.pem").path
        try await openssl(
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
                + ["-subj", "/CN=Attack test authority", "-keyout", "\(root).key", "-out", root]
        )
    }

    /// What is to be wrong with a certificate.
    enum Flaw { case none, selfSigned, stranger, noName }

    /// A folder with fullchain.pem and privkey.pem for `name`, or with that flaw.
    @discardableResult
    func certificate(_ name: String, at place: String, _ flaw: Flaw = .none) async throws -> String {
        let own = folder.appending(path: place)
        try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
        let names = flaw == .noName ? "" : "subjectAltName = DNS:\(name)\n"
        try """
        [ req ]
        distinguished_name = subject
        x509_extensions = leaf
        [ subject ]
        [ leaf ]
        basicConstraints = critical,CA:FALSE
        keyUsage = critical,digitalSignature
        extendedKeyUsage = serverAuth
        \(names)
        """.write(to: own.appending(path: "conf"), atomically: true, encoding: .utf8)
        var signer = ["-CA", root, "-CAkey", "\(root).key"]
        if flaw == .selfSigned { signer = [] }
        if flaw == .stranger {
            let other = own.appending(path: "other.pem").path
            try await openssl(
                ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
                    + ["-subj", "/CN=Somebody else", "-keyout", "\(other).key", "-out", other]
            )
            signer = ["-CA", other, "-CAkey", "\(other).key"]
        }
        try await openssl(
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
                + ["-config", own.appending(path: "conf").path, "-subj", "/CN=\(name)"] + signer
                + ["-keyout", own.appending(path: "privkey.pem").path]
                + ["-out", own.appending(path: "fullchain.pem").path]
        )
        return own.path
    }

    /// SHA-256 of the public key in `folder`'s certificate, in hexadecimal digits (TLSA 3 1 1).
    func keyDigest(_ folder: String) async throws -> String {
        let script =
            "openssl x509 -in \(folder)/fullchain.pem -noout -pubkey | openssl pkey -pubin -outform DER"
            + " | openssl dgst -sha256 -r"
        let process = try ChildProcess(
            "digest-\(UInt32.random(in: 0 ... .max))",
            ["sh", "-c", script],
            in: self.folder
        )
        _ = try await process.wait(within: .seconds(60))
        return String(process.tail().prefix(64))
    }

    /// Where the folders are.
    var directory: String { folder.path }

    private func openssl(_ arguments: [String]) async throws {
        let name = "openssl-\(UInt32.random(in: 0 ... .max))"
        let process = try ChildProcess(name, ["openssl"] + arguments, in: folder)
        guard try await process.wait(within: .seconds(60)) == .exited(0) else { throw HarnessError(process.tail()) }
    }

    /// What `openssl s_client` says of a port; it types `lines`, each once what stands before it has come.
    func client(_ port: UInt16, _ options: [String], typing lines: [(after: String, line: String)] = []) async throws
        -> String
    {
        let name = "s_client-\(UInt32.random(in: 0 ... .max))"
        let process = try ChildProcess(
            name,
            ["timeout", "60", "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", root] + options,
            in: folder
        )
        // What the far end says is no text.
        let said = {
            [process.output, process.errors].map {
                String(decoding: (try? Data(contentsOf: $0)) ?? Data(), as: UTF8.self)
            }
            .joined(separator: "\n")
        }
        for (text, line) in lines {
            try await eventually("\"\(text)\" of s_client", within: .seconds(60), detail: said) {
                process.ended != nil || said().contains(text)
            }
            if process.ended == nil { try process.write(line: line) }
        }
        _ = try await process.wait(within: .seconds(70))
        return said()
    }
}

/// The TLS end of a hostile server: it shows a certificate and passes on to a port without TLS.
final class TLSEnd {
    let port: UInt16
    private let process: ChildProcess

    init(certificate folder: String, to inner: UInt16, in scratch: Scratch) async throws {
        port = try Ports.free()
        let program = """
            import socket, ssl, sys, threading
            port, inner, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder + "/fullchain.pem", folder + "/privkey.pem")
            context.set_alpn_protocols(["imx/1"])
            listener = socket.create_server(("127.0.0.1", port), backlog=64)
            def pump(a, b):
                try:
                    while True:
                        data = a.recv(65536)
                        if not data: break
                        b.sendall(data)
                except OSError: pass
                for s in (a, b):
                    try: s.shutdown(socket.SHUT_RDWR)
                    except OSError: pass
            def serve(raw):
                try: outer = context.wrap_socket(raw, server_side=True)
                except OSError: return
                far = socket.create_connection(("127.0.0.1", inner))
                threading.Thread(target=pump, args=(outer, far), daemon=True).start()
                pump(far, outer)
            while True:
                raw, _ = listener.accept()
                threading.Thread(target=serve, args=(raw,), daemon=True).start()
            """
        let script = try scratch.write(program, to: "tls-\(port).py")
        let started = try ChildProcess(
            "tls-\(port)",
            ["python3", script, "\(port)", "\(inner)", folder],
            in: scratch.url
        )
        process = started
        let port = port
        try await eventually("the TLS end", within: .seconds(60), detail: { started.tail() }) { Ports.answers(port) }
    }
}

/// A ClientHello of TLS 1.3 that can be answered at full cost, and that is followed by nothing.
enum RawClientHello {
    static func octets(name: String) -> [UInt8] {
        let sni = short(block([0] + block(Array(name.utf8))))
        let protocols = short(block([5] + Array("imx/1".utf8)))
        let share: [UInt8] = [0x00, 0x1D] + block(RawPeer.random(32))
        let extensions =
            [0x00, 0x00] + sni
            + [0x00, 0x0A] + short(block([0x00, 0x1D]))
            + [0x00, 0x0D] + short(block([0x04, 0x03, 0x08, 0x04, 0x08, 0x07]))
            + [0x00, 0x10] + protocols
            + [0x00, 0x2B] + short([2, 0x03, 0x04])
            + [0x00, 0x33] + short(block(share))
        let body =
            [0x03, 0x03] + RawPeer.random(32) + [32] + RawPeer.random(32)
            + block([0x13, 0x01, 0x13, 0x02, 0x13, 0x03]) + [1, 0] + block(extensions)
        let message: [UInt8] = [1, 0] + big(UInt16(body.count)) + body
        return [22, 3, 1] + big(UInt16(message.count)) + message
    }

    private static func block(_ octets: [UInt8]) -> [UInt8] { big(UInt16(octets.count)) + octets }
    private static func short(_ octets: [UInt8]) -> [UInt8] { block(octets) }
}
