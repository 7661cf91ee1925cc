import ControlProtocol
import Scheduling

/// What an engine serves, or a template holds, in the runtime's words.
public struct EngineServing: Sendable {
    public let names: [String]
    public let path: String
    public let arguments: [String: JSONValue]
    public let environment: [String: String]
    public let cores: [Int]

    public init(
        names: [String], path: String, arguments: [String: JSONValue], environment: [String: String], cores: [Int]
    ) {
        self.names = names
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.cores = cores
    }
}

extension WireRole {
    init(_ role: ProcessRole) {
        self =
            switch role {
            case .zygote: .zygote
            case .template: .template
            case .frontEnd: .frontEnd
            case .core: .core
            }
    }
}

extension WireGeneration {
    init(_ generation: Generation) { self.init(epoch: generation.epoch, counter: generation.counter) }
}
