import Foundation

/// A model that somebody wants at run time, in JSON: `engine_uuid`, `model`, the settings that the config has for models, and
/// arguments of vLLM's server, all beside each other or in `vllm_config`.
public struct ModelRequest: Sendable, Equatable {
    /// What the engine is to be called; nil: anything.
    public let id: String?
    /// A folder or a hub id, as it was written.
    public let model: String
    /// What of it has no effect, and why.
    public let warnings: [String]
    let settings: [ModelConfiguration.Key: ConfigurationValue]
    /// By vLLM's names with dashes.
    let arguments: [String: ConfigurationValue]

    private static let longestID = 255

    public init(json: [UInt8]) throws(ModelRequestError) {
        var fields = try Self.fields(of: json)
        id = try Self.id(fields.removeValue(forKey: "engine_uuid"))
        model = try Self.model(fields.removeValue(forKey: "model"))
        var warnings: [String] = []
        var settings: [ModelConfiguration.Key: ConfigurationValue] = [:]
        var arguments: [String: ConfigurationValue] = [:]
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            if let remedy = Self.refused[name] {
                throw .mistaken("'\(name)' cannot be set here; \(remedy)", field: name)
            } else if let reason = Self.ignored[name] {
                warnings.append("'\(name)' has no effect: \(reason)")
            } else if name == "pipeline_parallel_size" {
                guard value == .integer(1) else {
                    throw .mistaken(
                        "pipeline_parallel_size is not 1, and the layers of a model are not split here; use 1 or leave it "
                            + "out, and tensor_parallel_size for a model that is too large for one worker",
                        field: name)
                }
            } else if let key = ModelConfiguration.Key(rawValue: name) {
                settings[key] = value
            } else {
                arguments[name.replacing("_", with: "-")] = value
            }
        }
        self.warnings = warnings
        self.settings = settings
        self.arguments = arguments
    }

    private static let refused = [
        "path": "use 'model'",
        "arguments": "write vLLM's arguments beside 'model', or in 'vllm_config'",
        "aliases": "an engine answers to its 'engine_uuid' and, where that is free, to its 'model'",
        "environment": "the environment of processes is the config's alone",
        "preload": "an engine is loaded when it is made",
    ]

    /// What the origin had and vLLM has no more.
    private static let ignored = [
        "swap_space": "vLLM has no swap space any more; a request that is preempted is computed again"
    ]

    /// Those of `vllm_config` among them. `null` means the default, as if the field were absent.
    private static func fields(of json: [UInt8]) throws(ModelRequestError) -> [String: ConfigurationValue] {
        let body: ConfigurationValue
        do {
            body = try JSONDecoder().decode(ConfigurationValue.self, from: Data(json))
        } catch {
            throw .unreadable("The body is not JSON. Send an object with at least a \"model\".")
        }
        guard case .object(let outer) = body else {
            throw .unreadable("The body is JSON, but no object. Send an object with at least a \"model\".")
        }
        var fields: [String: ConfigurationValue] = [:]
        try add(outer.filter { $0.key != "vllm_config" }, to: &fields)
        switch outer["vllm_config"] {
        case nil, .null?: break
        case .object(let inner)?: try add(inner, to: &fields)
        default: throw .mistaken("vllm_config is no object; write one with vLLM's arguments", field: "vllm_config")
        }
        return fields
    }

    private static func add(
        _ new: [String: ConfigurationValue], to fields: inout [String: ConfigurationValue]
    ) throws(ModelRequestError) {
        for (written, value) in new.sorted(by: { $0.key < $1.key }) where value != .null {
            let name = written.replacing("-", with: "_")
            guard fields.updateValue(value, forKey: name) == nil else {
                throw .mistaken("'\(name)' is given twice; keep one of them", field: name)
            }
        }
    }

    private static func id(_ value: ConfigurationValue?) throws(ModelRequestError) -> String? {
        guard let value else { return nil }
        guard case .string(let id) = value, id.utf8.count <= longestID else {
            throw .mistaken("engine_uuid is no text of at most \(longestID) bytes; write one", field: "engine_uuid")
        }
        return id
    }

    private static func model(_ value: ConfigurationValue?) throws(ModelRequestError) -> String {
        guard let value else {
            throw .mistaken("There is no model; add \"model\" with a folder or a hub id", field: "model")
        }
        guard case .string(let model) = value, !model.isEmpty else {
            throw .mistaken("model is no text; write a folder or a hub id", field: "model")
        }
        return model
    }
}

/// Why a request for a model is refused.
public enum ModelRequestError: Error, Sendable, Equatable {
    /// It is no JSON object.
    case unreadable(String)
    /// What is wrong with it and what would be right, and the first field that is wrong.
    case mistaken(String, field: String?)
}
