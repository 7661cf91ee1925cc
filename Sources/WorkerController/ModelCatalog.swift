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
                concurrency: model.concurrency, replicas: model.replicas, startTimeout: model.startTimeout,
                isPinned: model.pin, kvCacheBytes: model.kvCacheBytes, idleTimeout: model.idleTimeout,
                hasTemplate: model.template)
        }
    }

    func path(of name: String) -> String { models[name]?.path ?? "" }

    /// The size of its weights and the fingerprint of its files; nothing of both where only the runtime can tell, because
    /// the path is a hub id.
    func inspect(_ name: String, isCancelled: () -> Bool) throws -> ModelInspection {
        guard let model = models[name] else { throw ControllerError(.unknownModel, "No model is called '\(name)'.") }
        guard !model.isHubID else { return ModelInspection(weightBytes: 0, fingerprint: "") }
        return try ModelFolder.inspect(model.path, contents: model.verifiesContents, isCancelled: isCancelled)
    }

    /// What the two processes of an engine are told.
    func serving(_ assignment: EngineAssignment) -> EngineServing? {
        serving(
            assignment.model, on: assignment.device, kvCacheBytes: assignment.kvCacheBytes,
            furtherNames: [assignment.engine.description])
    }

    /// What a template is told.
    func serving(_ order: TemplateOrder) -> EngineServing? {
        serving(order.model, on: order.device, kvCacheBytes: order.kvCacheBytes, furtherNames: [])
    }

    private func serving(
        _ name: String, on device: DeviceID, kvCacheBytes: Int, furtherNames: [String]
    ) -> EngineServing? {
        guard let model = models[name], let device = devices[device] else { return nil }
        var arguments = model.arguments.mapValues(JSONValue.init)
        arguments["kv-cache-memory-bytes"] = .integer(kvCacheBytes)
        if device.isCPU, arguments["enforce-eager"] == nil {
            // Compiling takes minutes on a CPU, and was seen to give wrong answers there.
            arguments["enforce-eager"] = .bool(true)
        }
        return EngineServing(
            names: [model.name] + model.aliases + furtherNames, path: model.path,
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
