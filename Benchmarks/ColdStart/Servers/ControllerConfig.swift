/// The config file that a controller of the benchmark gets.
struct ControllerConfig {
    struct Model {
        let name: String
        let path: String
        let arguments: [String]
        /// Where it stands while nothing asks for it: whether it has a template, and whether it is put to sleep.
        let rest: StartTier

        init(name: String, path: String, arguments: [String] = FairSettings.arguments, rest: StartTier) {
            self.name = name
            self.path = path
            self.arguments = arguments
            self.rest = rest
        }
    }

    let port: UInt16
    let runDirectory: String
    /// `python: PATH` or `program: PATH`.
    let runtime: (key: String, path: String)
    let models: [Model]

    var text: String {
        let environment = Workspace.serverEnvironment.sorted { $0.key < $1.key }
            .map { "\($0.key): \(Self.quoted($0.value))" }.joined(separator: ", ")
        // Nothing may leave a tier by itself while it is measured.
        let models = models.map { model in
            """
              \(model.name):
                path: \(Self.quoted(model.path))
                arguments: {\(model.arguments.joined(separator: ", "))}
                template: \(model.rest != .cold)
                idle_timeout: off
            """
        }
        return """
            listen: 127.0.0.1:\(port)
            run_directory: \(Self.quoted(runDirectory))
            orphan_timeout: 30s
            pool: {idle_workers: \(RunningController.idleWorkers)}
            runtimes:
              benchmarked:
                \(runtime.key): \(Self.quoted(runtime.path))
                environment: {\(environment)}
            models:
            \(models.joined(separator: "\n"))

            """
    }

    /// A text in YAML's double quotes.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
