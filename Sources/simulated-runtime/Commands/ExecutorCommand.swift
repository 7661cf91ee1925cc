import ArgumentParser
import CPlatform
import ControlProtocol
import Dispatch
import Foundation

/// Stands in for a vLLM that a user started with the remote executor.
struct ExecutorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "executor",
        abstract: "Lease workers as a vLLM does that a user started.",
        discussion: """
            Writes one line of JSON to its output when all ranks are ready: engine, generation, workers, lease_ms (request to
            grant) and ready_ms; or {"refused": REASON}. Then it does one step, holds the workers until SIGTERM, or the end of
            its input, or for --hold-ms, releases them and ends.

            Exit statuses: 0 released; 1 failed; 4 refused by the controller; 6 no workers; 7 a worker ended; 8 the workers
            were taken away. With --die-at it dies of SIGKILL, and releases nothing.
            """)

    @Option(help: "The controller's socket.")
    var control: String

    @Option(help: "How many workers.")
    var worldSize = 1

    @Option(help: "The model's name, to show.")
    var model: String

    @Option(help: "The memory that it says it needs.")
    var footprintBytes: Int

    @Option(help: "cpu or cuda.")
    var deviceType = WireDeviceType.cpu

    @Option(name: .customLong("deadline-ms"), help: "How long it waits for workers.")
    var deadlineMilliseconds = 120_000

    @Option(name: .customLong("hold-ms"), help: "How long it keeps the workers; its input is not looked at then.")
    var holdMilliseconds: Int?

    @Option(help: "The build that it says it is.")
    var runtimeVersion = ExecutorWish.version

    @Option(help: "The model's sim-* arguments, as a JSON object.", transform: SimulatedArguments.init(text:))
    var arguments = SimulatedArguments.none

    @Option(help: "Die there: \(ExecutorMilestone.allCases.map(\.rawValue).joined(separator: ", ")).")
    var dieAt: ExecutorMilestone?

    func validate() throws {
        guard worldSize >= 1, footprintBytes >= 0, deadlineMilliseconds >= 0, holdMilliseconds ?? 0 >= 0 else {
            throw ValidationError("Give at least one worker, and no negative numbers.")
        }
    }

    func run() throws {
        wc_ignore_sigpipe()
        let command = self
        Task { await UserExecutor(command).run() }
        dispatchMain()
    }

    var wish: ExecutorWish {
        ExecutorWish(
            control: control,
            hello: Hello(
                id: 0, version: controlProtocolVersion, epoch: 0, process: "", role: .executor, pid: Int(getpid()),
                runtime: "", state: .idle),
            worldSize: worldSize, model: model, deviceType: deviceType, footprintBytes: footprintBytes,
            versions: [ExecutorWish.runtime: runtimeVersion],
            patience: .milliseconds(deadlineMilliseconds))
    }
}

extension WireDeviceType: ExpressibleByArgument {}

extension ExecutorMilestone: ExpressibleByArgument {}

extension SimulatedArguments {
    /// From the command line.
    fileprivate init(text: String) throws {
        try self.init(try JSONDecoder().decode([String: JSONValue].self, from: Data(text.utf8)))
    }
}
