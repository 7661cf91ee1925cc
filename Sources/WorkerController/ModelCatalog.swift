import ControlProtocol
import ControllerConfiguration
import Scheduling
import Supervision

/// The models in the words of the decision core and of the runtimes: those of the config, and those made at run time.
public struct ModelCatalog: Sendable {
    private let configuration: Configuration
    private let devices: [DeviceID: DeviceSpecification]
    private var models: [String: ModelConfiguration]
    /// By name, the models made at run time as their makers wrote them.
    private var written: [String: String] = [:]

    public init(_ configuration: Configuration, devices: [DeviceSpecification]) {
        self.configuration = configuration
        self.devices = Dictionary(uniqueKeysWithValues: devices.map { ($0.id, $0) })
        models = Dictionary(uniqueKeysWithValues: configuration.models.map { ($0.name, $0) })
    }

    public var specifications: [ModelSpecification] {
        models.values.sorted { $0.name < $1.name }.map(Self.specification)
    }

    static func specification(of model: ModelConfiguration) -> ModelSpecification {
        ModelSpecification(
            name: model.name, aliases: model.aliases, runtime: RuntimeName(model.runtime),
            concurrency: model.concurrency, replicas: model.replicas, startTimeout: model.startTimeout,
            isPinned: model.pin, kvCacheBytes: model.kvCacheBytes, idleTimeout: model.idleTimeout,
            hasTemplate: model.template,
            tensorParallelSize: model.tensorParallelSize, executor: ExecutorKind(model.executor))
    }

    // MARK: Models that come and go

    /// What the config would have made of the model; nothing is added yet.
    func model(_ name: String, from request: ModelRequest) throws(ModelRequestError) -> ModelConfiguration {
        try configuration.model(name, from: request)
    }

    mutating func add(_ model: ModelConfiguration, as text: String) {
        models[model.name] = model
        written[model.name] = text
    }

    mutating func remove(_ name: String) {
        models[name] = nil
        written[name] = nil
    }

    subscript(_ name: String) -> ModelConfiguration? { models[name] }

    /// What people call the model: its name, or what its maker wrote.
    func shownName(of name: String) -> String { written[name] ?? name }

    // MARK: What the runtimes are told

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
            arguments: arguments, environment: model.environment, cores: device.cores,
            leasedWorkers: Self.specification(of: model).leasedWorkers)
    }
}

extension ExecutorKind {
    init(_ choice: ExecutorChoice) {
        switch choice {
        case .auto: self = .auto
        case .inProcess: self = .inProcess
        case .remote: self = .remote
        }
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
