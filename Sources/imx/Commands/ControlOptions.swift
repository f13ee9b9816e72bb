// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configuration
import Glibc

/// Which aggregator a command talks to.
struct ControlOptions: ParsableArguments {
    @OptionGroup var file: ConfigOption

    @Option(help: ArgumentHelp("The aggregator's control socket, in place of --config.", valueName: "path"))
    var socket: String?

    /// Asks the aggregator, and says precisely what is wrong where it cannot be asked.
    func ask(_ request: ControlRequest, within seconds: Int) throws -> ControlResponse {
        let place = try place()
        do throws(ControlClient.Failure) {
            let response = try ControlClient(path: place.socket).ask(request, within: seconds)
            if case .refused(let reason) = response { throw .other(reason) }
            return response
        } catch {
            throw CommandFailure(message(for: error, request, place), code: code(for: error, request))
        }
    }

    private struct Place {
        var name: String?
        var socket: String
    }

    private func place() throws -> Place {
        if let socket { return Place(name: nil, socket: socket) }
        do {
            let found = try AggregatorConfiguration.controlPlace(path: file.path)
            return Place(name: found.name, socket: found.socket)
        } catch let error as ConfigurationError {
            throw CommandFailure("the configuration has mistakes\n\(error)")
        }
    }

    private func message(for failure: ControlClient.Failure, _ request: ControlRequest, _ place: Place) -> String {
        let name = place.name.map { "the aggregator \"\($0)\"" } ?? "the aggregator"
        switch failure {
        case .notRunning:
            return "\(name) is not running: nobody answers at \(place.socket)\n"
                + "    start it: imx serve --config \(socket == nil ? file.path : "FILE")"
        case .notAllowed:
            return "this user may not use the control socket \(place.socket)\n"
                + "    run the command as the user that runs \(name)"
        case .noAnswer(let reason):
            guard case .send = request else { return "\(name) gave no answer: \(reason)" }
            return "uncertain: \(name) gave no answer: \(reason)\n"
                + "    the message may have been delivered; imx outcomes lists it if it was not"
        case .other(let reason): return reason
        }
    }

    private func code(for failure: ControlClient.Failure, _ request: ControlRequest) -> ExitCode {
        // A message that went in and of which nothing came back may have been delivered.
        if case .noAnswer = failure, case .send = request { return SendCommand.uncertain }
        return CommandFailure.fault
    }
}

/// Where the configuration file is.
struct ConfigOption: ParsableArguments {
    @Option(
        name: [.customLong("config"), .short],
        help: ArgumentHelp(
            "The configuration file. Without it: what IMX_CONFIG names, else /etc/imx/aggregator.yaml.",
            valueName: "file"
        )
    )
    var config: String?

    /// The file to read.
    var path: String {
        config ?? getenv("IMX_CONFIG").map { String(cString: $0) } ?? "/etc/imx/aggregator.yaml"
    }

    /// The whole configuration; every mistake is told.
    func load() throws -> AggregatorConfiguration {
        do {
            return try AggregatorConfiguration.load(path: path, adapters: CompiledAdapters.schemas)
        } catch let error as ConfigurationError {
            let count = error.problems.count
            throw CommandFailure("\(count == 1 ? "1 mistake" : "\(count) mistakes") in the configuration\n\(error)")
        }
    }
}
