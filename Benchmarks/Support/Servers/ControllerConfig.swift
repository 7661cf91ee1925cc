/// The config file that a controller of a benchmark gets.
package struct ControllerConfig {
    /// Where the ranks of a model's engines run.
    package enum Executor: Equatable {
        /// As the controller decides.
        case auto
        /// In the engine's core.
        case inProcess
        /// In so many leased workers.
        case remote(size: Int)
    }

    package struct Model {
        package let name: String
        package let path: String
        package let arguments: [String]
        /// Where it stands while nothing asks for it: whether it has a template, and whether it is put to sleep.
        package let rest: StartTier
        package let executor: Executor
        /// Of its processes.
        package let environment: [String: String]

        package init(
            name: String, path: String, arguments: [String] = FairSettings.arguments, rest: StartTier,
            executor: Executor = .auto, environment: [String: String] = [:]
        ) {
            self.name = name
            self.path = path
            self.arguments = arguments
            self.rest = rest
            self.executor = executor
            self.environment = environment
        }

        /// How many leased workers one engine of it has.
        package var workers: Int { if case .remote(let size) = executor { size } else { 0 } }

        /// What its entry says.
        fileprivate var settings: [String] {
            var settings = [
                "path: \(quoted(path))", "arguments: {\(arguments.joined(separator: ", "))}",
                "template: \(rest != .cold)",
                // Nothing may leave a tier by itself while it is measured.
                "idle_timeout: off",
            ]
            switch executor {
            case .auto: break
            case .inProcess: settings.append("executor: in-process")
            case .remote(let size): settings += ["executor: remote", "tensor_parallel_size: \(size)"]
            }
            if !environment.isEmpty { settings.append("environment: \(mapping(environment))") }
            return settings
        }
    }

    package let port: UInt16
    package let runDirectory: String
    /// `python: PATH` or `program: PATH`.
    package let runtime: (key: String, path: String)
    package let models: [Model]

    package init(port: UInt16, runDirectory: String, runtime: (key: String, path: String), models: [Model]) {
        self.port = port
        self.runDirectory = runDirectory
        self.runtime = runtime
        self.models = models
    }

    /// How many idle processes of each role are kept: as many as one engine needs, so that no start waits for a fork.
    package var idleWorkers: Int { max(1, models.map(\.workers).max() ?? 1) }

    package var text: String {
        let models = models.map { model in
            (["  \(model.name):"] + model.settings.map { "    " + $0 }).joined(separator: "\n")
        }
        return """
            listen: 127.0.0.1:\(port)
            run_directory: \(quoted(runDirectory))
            orphan_timeout: 30s
            pool: {idle_workers: \(idleWorkers)}
            runtimes:
              benchmarked:
                \(runtime.key): \(quoted(runtime.path))
                environment: \(mapping(Workspace.serverEnvironment))
            models:
            \(models.joined(separator: "\n"))

            """
    }
}

/// A text in YAML's double quotes.
private func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
}

private func mapping(_ texts: [String: String]) -> String {
    let entries = texts.sorted { $0.key < $1.key }.map { "\($0.key): \(quoted($0.value))" }
    return "{\(entries.joined(separator: ", "))}"
}
