import ControlProtocol
import Scheduling

/// What an engine serves, or a template holds, in the runtime's words.
public struct EngineServing: Sendable {
    public let names: [String]
    public let path: String
    public let arguments: [String: JSONValue]
    public let environment: [String: String]
    public let cores: [Int]
    /// 0: its one worker lives in its core.
    public let leasedWorkers: Int

    public init(
        names: [String], path: String, arguments: [String: JSONValue], environment: [String: String], cores: [Int],
        leasedWorkers: Int = 0
    ) {
        self.names = names
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.cores = cores
        self.leasedWorkers = leasedWorkers
    }

    /// Nil: in the core's process.
    var executor: WireExecutor? { leasedWorkers > 0 ? .remote : nil }
    var worldSize: Int { max(1, leasedWorkers) }
}

extension WireRole {
    init(_ role: ProcessRole) {
        self =
            switch role {
            case .zygote: .zygote
            case .template: .template
            case .frontEnd: .frontEnd
            case .worker: .worker
            case .core: .core
            }
    }
}

extension WireGeneration {
    init(_ generation: Generation) { self.init(epoch: generation.epoch, counter: generation.counter) }
}
