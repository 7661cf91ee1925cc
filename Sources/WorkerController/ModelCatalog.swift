import ControlProtocol
import ControllerConfiguration
import Scheduling
import Supervision

/// The configured models in the words of the decision core and of the runtimes.
public struct ModelCatalog: Sendable {
    private let models: [String: ModelConfiguration]
    private let devices: [DeviceID: DeviceSpecification]

    public init(_ models: [ModelConfiguration], devices: [DeviceSpecification]) {
        self.models = Dictionary(uniqueKeysWithValues: models.map { ($0.name, $0) })
        self.devices = Dictionary(uniqueKeysWithValues: devices.map { ($0.id, $0) })
    }

    public var specifications: [ModelSpecification] {
        models.values.sorted { $0.name < $1.name }.map { model in
            ModelSpecification(
                name: model.name, aliases: model.aliases, runtime: RuntimeName(model.runtime),
                concurrency: model.concurrency, startTimeout: model.startTimeout, isPinned: model.pin,
                kvCacheBytes: model.kvCacheBytes)
        }
    }

    func path(of name: String) -> String { models[name]?.path ?? "" }

    /// The size of its weights in bytes; 0 where only the runtime can tell, because the path is a hub id.
    func inspect(_ name: String) throws -> Int {
        guard let model = models[name] else { throw ControllerError(.unknownModel, "No model is called '\(name)'.") }
        return model.isHubID ? 0 : try ModelFolder.inspect(model.path)
    }

    /// What the two processes of an engine are told.
    func serving(_ assignment: EngineAssignment) -> EngineServing? {
        guard let model = models[assignment.model], let device = devices[assignment.device] else { return nil }
        var arguments = model.arguments.mapValues(JSONValue.init)
        arguments["kv-cache-memory-bytes"] = .integer(assignment.kvCacheBytes)
        if device.id.description.hasPrefix("cpu:"), arguments["enforce-eager"] == nil {
            // Compiling takes minutes on a CPU, and was seen to give wrong answers there.
            arguments["enforce-eager"] = .bool(true)
        }
        return EngineServing(
            names: [model.name] + model.aliases + [assignment.engine.description], path: model.path,
            arguments: arguments, environment: model.environment, cores: device.cores)
    }
}

extension JSONValue {
    init(_ value: ConfigurationValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .string(let value): self = .string(value)
        case .list(let values): self = .list(values.map(JSONValue.init))
        case .object(let values): self = .object(values.mapValues(JSONValue.init))
        }
    }
}
