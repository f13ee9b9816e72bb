// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where a configuration's secrets and relative paths come from.
struct SecretSource: Sendable {
    /// Why a secret could not be had.
    struct Failure: Error {
        let problem: String
        let remedy: String
    }

    /// The directory that relative paths start from, without a slash at its end.
    let directory: String
    /// Whether the configuration file may be read by everyone, so that no secret may stand in it.
    let fileIsWorldReadable: Bool
    /// The environment's variables.
    let environment: @Sendable (String) -> String?

    /// A path as the system takes it.
    func absolute(_ path: String) -> String {
        path.hasPrefix("/") || directory.isEmpty ? path : directory + "/" + path
    }

    /// The secret in a file: its content without the line end.
    func file(_ path: String) -> Result<Secret, Failure> {
        let path = absolute(path)
        switch readFile(path, limit: 64 << 10) {
        case .failure(let error):
            return .failure(
                Failure(
                    problem: "cannot read the secret file \(path): \(error.reason)",
                    remedy: "create it with the secret as its only line, readable by this program's user alone"
                )
            )
        case .success(let file):
            guard !file.isWorldReadable else {
                return .failure(
                    Failure(problem: "everyone can read the secret file \(path)", remedy: "chmod o-r \(path)")
                )
            }
            let line = file.text.prefix { !$0.isNewline }
            guard !line.isEmpty else {
                return .failure(
                    Failure(problem: "the secret file \(path) is empty", remedy: "write the secret on its first line")
                )
            }
            return .success(Secret(String(line)))
        }
    }

    /// The secret in a variable of the environment.
    func variable(_ name: String) -> Result<Secret, Failure> {
        guard let value = environment(name), !value.isEmpty else {
            return .failure(
                Failure(
                    problem: "the environment variable \(name) is not set",
                    remedy: "set it where the aggregator is started, for example: export \(name)=..."
                )
            )
        }
        return .success(Secret(value))
    }

    /// The environment of this process.
    static func processEnvironment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

/// A file's text and who may read it.
struct ReadFile {
    let text: String
    let isWorldReadable: Bool
}

/// Why a file could not be read.
struct ReadFailure: Error {
    let reason: String
}

/// Reads a whole file of at most `limit` octets of UTF-8.
func readFile(_ path: String, limit: Int) -> Result<ReadFile, ReadFailure> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(ReadFailure(reason: String(cString: strerror(errno)))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
        return .failure(ReadFailure(reason: String(cString: strerror(errno))))
    }
    guard status.st_mode & S_IFMT != S_IFDIR else { return .failure(ReadFailure(reason: "it is a directory")) }
    var octets: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while octets.count <= limit {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { return .failure(ReadFailure(reason: String(cString: strerror(errno)))) }
        if count == 0 { break }
        octets.append(contentsOf: chunk[..<count])
    }
    guard octets.count <= limit else { return .failure(ReadFailure(reason: "it is larger than \(sizeText(limit))")) }
    guard let text = String(validating: octets, as: UTF8.self) else {
        return .failure(ReadFailure(reason: "it is not UTF-8 text"))
    }
    return .success(ReadFile(text: text, isWorldReadable: status.st_mode & S_IROTH != 0))
}
