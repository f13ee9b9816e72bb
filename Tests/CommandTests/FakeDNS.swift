// SPDX-License-Identifier: Apache-2.0
import Foundation

/// An authoritative name server on a loopback port: what a test gives it, and no such record for the rest.
final class FakeDNS: Sendable {
    /// A record by its name and type.
    struct Key: Hashable, Sendable {
        var name: String
        var type: UInt16
    }

    let port: UInt16
    private let descriptor: Int32

    /// Answers with the data in `records` on a thread of its own.
    init(_ records: [Key: [[UInt8]]]) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) | getsockname(descriptor, pointer, &length)
            }
        }
        guard result == 0 else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        self.descriptor = descriptor
        Thread.detachNewThread {
            var question = [UInt8](repeating: 0, count: 1500)
            while true {
                var from = sockaddr_in()
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                withUnsafeMutablePointer(to: &from) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { sender in
                        let count = recvfrom(descriptor, &question, question.count, 0, sender, &length)
                        guard count > 12, let answer = FakeDNS.answer(Array(question[..<count]), records) else {
                            return
                        }
                        sendto(descriptor, answer, answer.count, 0, sender, length)
                    }
                }
                if from.sin_family == 0 { return }
            }
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    /// RFC 1035 §4.1: the header, the question as it came, and the answers.
    private static func answer(_ question: [UInt8], _ records: [Key: [[UInt8]]]) -> [UInt8]? {
        var labels: [String] = []
        var offset = 12
        while offset < question.count, question[offset] > 0 {
            let end = offset + 1 + Int(question[offset])
            guard end <= question.count else { return nil }
            labels.append(String(decoding: question[offset + 1..<end], as: UTF8.self).lowercased())
            offset = end
        }
        let end = offset + 5
        guard end <= question.count else { return nil }
        let type = UInt16(question[offset + 1]) << 8 | UInt16(question[offset + 2])
        let found = records[Key(name: labels.joined(separator: "."), type: type)] ?? []
        var answer = Array(question[..<2]) + [0x84, 0, 0, 1, 0, UInt8(found.count), 0, 0, 0, 0] + question[12..<end]
        for data in found {
            answer += [0xC0, 12, UInt8(type >> 8), UInt8(type & 255), 0, 1, 0, 0, 0, 60]
            answer += [UInt8(data.count >> 8), UInt8(data.count & 255)] + data
        }
        return answer
    }
}
