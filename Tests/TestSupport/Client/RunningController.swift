import Foundation

/// A controller in a process of its own, and its clients.
public final class RunningController: Sendable {
    public let folder: ControllerFolder
    public let process: ChildProcess
    /// `http://127.0.0.1:PORT`
    public let address: String

    init(folder: ControllerFolder, process: ChildProcess, address: String) {
        self.folder = folder
        self.process = process
        self.address = address
    }

    /// SIGTERM, and a peaceful end.
    public func stop() async throws {
        process.send(SIGTERM)
        let exit = try await process.waitForEnd()
        guard exit == .status(0) else { throw TestFailure("the controller ended with \(exit)") }
    }

    /// SIGKILL: nothing is tidied up.
    public func killAtOnce() async throws {
        process.send(SIGKILL)
        _ = try await process.waitForEnd()
    }

    /// How many descriptors it has open.
    public func openDescriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").count
    }

    /// Runs a client command to its end.
    public func command(_ arguments: String...) async throws -> CommandResult {
        try await CommandResult.of(arguments, environment: ["WORKER_CONTROLLER_ADDRESS": address])
    }
}

extension ControllerFolder {
    /// Starts a controller and waits until it answers.
    public func start() async throws -> RunningController {
        let process = try serve()
        let line = try await process.waitForError(containing: "address=http://")
        guard let range = line.range(of: #"http://127\.0\.0\.1:[0-9]+"#, options: .regularExpression) else {
            throw TestFailure("no address in '\(line)'")
        }
        let controller = RunningController(folder: self, process: process, address: String(line[range]))
        // The management API answers a moment later than the gateway.
        try await eventually("the management API answers") {
            (try? await controller.health()) != nil
        }
        return controller
    }

    /// Starts a controller, which may end at once.
    public func serve() throws -> ChildProcess {
        try ChildProcess([Binaries.controller, "serve", "--config", config, "--log-level", "debug"])
    }
}

/// How a command ended.
public struct CommandResult: Sendable {
    public let status: Int
    public let output: String
    public let errors: String

    /// Runs the program to its end.
    public static func of(_ arguments: [String], environment: [String: String] = [:]) async throws -> CommandResult {
        let process = try ChildProcess([Binaries.controller] + arguments, environment: environment)
        guard case .status(let status) = try await process.waitForEnd() else {
            throw TestFailure("\(arguments) was ended by a signal; it says:\n\(process.errorText)")
        }
        return CommandResult(status: status, output: process.outputText, errors: process.errorText)
    }
}
