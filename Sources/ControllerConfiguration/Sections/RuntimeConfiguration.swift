/// A program that can make workers.
public struct RuntimeConfiguration: Sendable, Equatable {
    public var name: String
    /// How its zygote is started. The first element is absolute unless it is a bare word, which PATH finds.
    public var command: [String]
    /// Set for its zygote, and so for every process that comes of it.
    public var environment: [String: String]

    enum Key: String, CaseIterable {
        case python, program, environment
    }

    /// All runtimes, sorted by name. With none configured, vLLM in the environment `.venv` beside the file.
    static func all(_ reader: NodeReader?, paths: PathResolver) -> [RuntimeConfiguration] {
        let entries = reader?.entries() ?? []
        guard !entries.isEmpty else {
            return [
                RuntimeConfiguration(
                    name: "vllm", command: command(python: paths.absolute(".venv/bin/python")), environment: [:])
            ]
        }
        return entries.compactMap { name, value in RuntimeConfiguration(value, name: name, paths: paths) }
            .sorted { $0.name < $1.name }
    }

    /// The names in the file, also of runtimes with mistakes: a model that names one of these is not mistaken itself.
    static func names(_ reader: NodeReader?) -> [String] {
        let names = reader?.node.mapping?.keys.compactMap { $0.scalar?.string } ?? []
        return names.isEmpty ? ["vllm"] : names.sorted()
    }

    private init(name: String, command: [String], environment: [String: String]) {
        self.name = name
        self.command = command
        self.environment = environment
    }

    private init?(_ reader: NodeReader, name: String, paths: PathResolver) {
        // It becomes part of file names.
        if name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._-]*/) == nil {
            reader.refuse(
                "'\(name)' cannot be the name of a runtime",
                "use letters, digits, '.', '_' and '-', a letter or digit first")
        }
        guard let section = reader.section(Key.self) else { return nil }
        let environment = section[.environment]?.environment() ?? [:]
        switch (section[.python], section[.program]) {
        case (let python?, nil):
            guard let path = python.text() else { return nil }
            let isBareWord = !path.contains("/") && !path.hasPrefix("~") && !path.hasPrefix(".")
            self.init(
                name: name, command: Self.command(python: isBareWord ? path : paths.absolute(path)),
                environment: environment)
        case (nil, let program?):
            guard let path = program.text() else { return nil }
            self.init(name: name, command: [paths.absolute(path)], environment: environment)
        case (nil, nil):
            reader.refuse(
                "\(reader.setting) has no program to start",
                "add 'python: .venv/bin/python' (the environment with vLLM), or 'program: PATH' for another runtime")
            return nil
        case (_?, let program?):
            program.refuse("\(reader.setting) has both 'python' and 'program'", "keep one of them")
            return nil
        }
    }

    private static func command(python: String) -> [String] { [python, "-m", "worker_controller_vllm.zygote"] }
}
