/// One model of a test's config.
public struct TestModel: Sendable {
    public var name: String
    public var files: ModelFiles
    /// Further keys of the model, as YAML.
    public var settings: [String: String]
    /// For the simulated runtime, as YAML.
    public var arguments: [String: String]

    public init(
        _ name: String, files: ModelFiles = .whole, settings: [String: String] = [:], arguments: [String: String] = [:]
    ) {
        self.name = name
        self.files = files
        self.settings = settings
        self.arguments = arguments
    }
}

/// The config of a test's controller.
public struct ControllerSetup: Sendable {
    public var models: [TestModel]
    /// Whether models have templates, where they do not say it themselves. Without, each start is a cold one.
    public var templates: Bool
    /// Further keys of the config, as YAML.
    public var settings: [String: String]
    /// Of the runtime's processes: for the simulated one its `SIM_*` variables.
    public var environment: [String: String]
    /// The one runtime's name, and the program that it starts, as YAML.
    public var runtime: (name: String, program: String)

    public init(
        _ models: [TestModel], templates: Bool = true, settings: [String: String] = [:],
        environment: [String: String] = [:],
        runtime: (name: String, program: String) = ("sim", "program: \(Binaries.simulatedRuntime)")
    ) {
        self.models = models
        self.templates = templates
        self.settings = settings
        self.environment = environment
        self.runtime = runtime
    }

    /// The config file.
    func yaml() -> String {
        // A device of known size, so that the machine's memory decides nothing.
        let standard = ["listen": "127.0.0.1:0", "devices": #"[{id: "cpu:0", memory: 16GiB}]"#]
        let top = standard.merging(settings) { $1 }
        let environment = self.environment.mapValues { "\"\($0)\"" }
        let runtime = "{\(runtime.name): {\(runtime.program), environment: \(Self.mapping(environment))}}"
        var lines = Self.lines(top) + ["runtimes: \(runtime)", "models:"]
        for model in models {
            lines += ["  \(model.name):", "    path: ./models/\(model.name)"]
            let settings = ["template": "\(templates)"].merging(model.settings) { $1 }
            lines += Self.lines(settings).map { "    " + $0 }
            let arguments = ["kv-cache-memory-bytes": "16MiB"].merging(model.arguments) { $1 }
            lines.append("    arguments: \(Self.mapping(arguments))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ values: [String: String]) -> [String] {
        values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    }

    private static func mapping(_ values: [String: String]) -> String {
        "{" + lines(values).joined(separator: ", ") + "}"
    }
}

extension ControllerSetup {
    /// By how much workers may grow that are reset in place.
    public static let resetTolerance = 16 << 20

    /// Models without templates, on workers that are reset in place.
    public static func inPlace(_ models: [TestModel], environment: [String: String] = [:]) -> ControllerSetup {
        let own = ["SIM_RESET_TOLERANCE_BYTES": "\(resetTolerance)"]
        return ControllerSetup(models, templates: false, environment: own.merging(environment) { $1 })
    }
}
