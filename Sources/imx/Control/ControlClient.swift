// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The commands' end of the control socket. Blocks, because a command has nothing else to do.
struct ControlClient: ~Copyable {
    /// Why there is no answer.
    enum Failure: Error, Equatable {
        /// Nobody listens at the socket.
        case notRunning
        /// This user may not use the socket.
        case notAllowed
        /// The connection broke after the request had been sent, or no answer came in time.
        case noAnswer(String)
        /// Something else.
        case other(String)
    }

    private let descriptor: Int32

    /// Connects to the socket at `path`.
    init(path: String) throws(Failure) {
        descriptor = try ControlClient.connected(path)
    }

    private static func connected(_ path: String) throws(Failure) -> Int32 {
        guard var address = sockaddr_un(path: path) else { throw .other("the path is too long for a socket") }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .other(String(cString: strerror(errno))) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            switch code {
            case ENOENT, ECONNREFUSED, ENOTDIR: throw .notRunning
            case EACCES, EPERM: throw .notAllowed
            default: throw .other(String(cString: strerror(code)))
            }
        }
        return descriptor
    }

    deinit { close(descriptor) }

    /// Sends a request and waits for its answer, at most `seconds`.
    func ask(_ request: ControlRequest, within seconds: Int) throws(Failure) -> ControlResponse {
        guard let line = try? ControlLine.encode(request) else { throw .other("the request cannot be written") }
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var sent = 0
        while sent < line.count {
            let count = line.withUnsafeBytes {
                send(descriptor, $0.baseAddress?.advanced(by: sent), line.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .noAnswer("the aggregator closed the connection") }
            sent += count
        }
        let answer = try readLine(seconds)
        do {
            return try ControlLine.decode(ControlResponse.self, answer)
        } catch {
            throw .noAnswer("the answer cannot be read; is the aggregator of another version?")
        }
    }

    private func readLine(_ seconds: Int) throws(Failure) -> ArraySlice<UInt8> {
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while octets.count <= ControlLine.limit {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { throw .noAnswer("no answer within \(seconds) s") }
            guard count > 0 else { throw .noAnswer("the aggregator closed the connection") }
            octets += chunk[..<count]
            if octets.last == 0x0A { return octets.dropLast() }
        }
        throw .noAnswer("the answer is too long")
    }
}

extension sockaddr_un {
    /// The longest path of a socket.
    static let pathLimit = 107

    /// The address of the socket at `path`; nil where the path is too long.
    init?(path: String) {
        guard path.utf8.count <= sockaddr_un.pathLimit, !path.utf8.contains(0) else { return nil }
        self.init()
        sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &sun_path) { $0.copyBytes(from: path.utf8) }
    }
}
