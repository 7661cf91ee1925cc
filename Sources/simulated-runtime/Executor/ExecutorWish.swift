import ControlProtocol
import Foundation

/// What an executor asks its controller for, and as whom.
struct ExecutorWish: Sendable {
    /// Executors have to be of the same build as the workers.
    static let runtime = "simulated-runtime"
    static let version = "1"

    /// The controller's socket.
    let control: String
    let hello: Hello
    let worldSize: Int
    let model: String
    let deviceType: WireDeviceType
    let footprintBytes: Int
    let versions: [String: String]
    /// How long it waits for workers.
    let patience: Duration
}

extension ExecutorWish {
    /// Of an engine that the controller has started.
    init(_ assignment: Assign, _ dial: DialOptions) {
        control = dial.control
        hello = Hello(
            // The number is given when it is sent.
            id: 0, version: controlProtocolVersion, epoch: dial.epoch, process: dial.process, role: .executor,
            pid: Int(getpid()), runtime: dial.runtime, state: .idle, engine: assignment.engine,
            generation: assignment.generation)
        worldSize = assignment.worldSize
        model = assignment.names[0]
        deviceType = assignment.device.hasPrefix("cuda") ? .cuda : .cpu
        // The engine is placed already.
        footprintBytes = 0
        versions = [Self.runtime: Self.version]
        patience = .seconds(30)
    }
}
