/// What a model's settings depend on elsewhere in the file.
struct ModelContext {
    let paths: PathResolver
    /// Sorted, never empty.
    let runtimes: [String]
    let allowsRemoteCode: Bool
}

extension ModelConfiguration {
    enum Key: String, CaseIterable {
        case path, runtime, aliases, environment, arguments, concurrency, replicas, pin, priority, preload, executor
        case template, verify
        case idleTimeout = "idle_timeout"
        case startTimeout = "start_timeout"
        case tensorParallelSize = "tensor_parallel_size"
    }

    /// How a change of the model's files is noticed.
    private enum Verification: String, CaseIterable {
        case times, contents
    }

    /// All models, sorted by name.
    static func all(_ reader: NodeReader?, context: ModelContext) -> [ModelConfiguration] {
        let entries = reader?.entries() ?? []
        var names = ModelNames()
        // Every name before any alias: of the two, the alias is the mistake.
        for (name, value) in entries { _ = names.add(name, of: name, at: value) }
        return entries.compactMap { name, value in
            ModelConfiguration(value, name: name, names: &names, context: context)
        }
        .sorted { $0.name < $1.name }
    }

    private init?(_ reader: NodeReader, name: String, names: inout ModelNames, context: ModelContext) {
        guard let section = reader.section(Key.self) else { return nil }
        self.init(
            section, of: reader, name: name, arguments: section[.arguments]?.entries() ?? [], names: &names,
            context: context)
    }

    /// - Parameter reader: of all its settings, for mistakes that are none of one setting's.
    init?(
        _ section: Section<Key>, of reader: NodeReader, name: String, arguments: [(key: String, value: NodeReader)],
        names: inout ModelNames, context: ModelContext
    ) {
        self.name = name
        aliases = Self.aliases(section[.aliases], of: name, names: &names)
        environment = section[.environment]?.environment() ?? [:]
        self.arguments = ModelArguments(arguments, allowsRemoteCode: context.allowsRemoteCode).values
        // Above any limit of the engines' own, and far below what the permits' counter holds.
        concurrency = section[.concurrency]?.integer(in: 1...1_000_000) ?? 256
        replicas = section[.replicas]?.integer(in: 1...64) ?? 1
        pin = section[.pin]?.boolean() ?? false
        priority = section[.priority]?.integer(in: -1_000...1_000) ?? 0
        idleTimeout = Self.idleTimeout(section[.idleTimeout])
        preload = section[.preload]?.boolean() ?? false
        startTimeout = section[.startTimeout]?.positiveDuration() ?? .seconds(300)
        template = section[.template]?.boolean() ?? true
        verifiesContents = section[.verify]?.choice(Verification.self) == .contents
        tensorParallelSize = section[.tensorParallelSize]?.integer(in: 1...64) ?? 1
        executor = section[.executor]?.choice(ExecutorChoice.self) ?? .auto

        if tensorParallelSize > 1, executor == .inProcess, let reader = section[.executor] {
            reader.refuse(
                "\(reader.setting) is in-process, which has one worker, and tensor_parallel_size is "
                    + "\(tensorParallelSize)",
                "use auto or remote, or leave tensor_parallel_size out")
        }
        if preload { section[.preload]?.refuse(.preload) }
        if priority != 0 { section[.priority]?.refuse(.priority) }

        let runtime = Self.runtime(section[.runtime], of: reader, context: context)
        let path = Self.path(section[.path], of: reader, paths: context.paths)
        guard let runtime, let path else { return nil }
        self.runtime = runtime
        switch path {
        case .folder(let folder): (self.path, isHubID) = (folder, false)
        case .hubID(let id): (self.path, isHubID) = (id, true)
        }
    }

    private static func idleTimeout(_ reader: NodeReader?) -> Duration? {
        guard let reader else { return .seconds(600) }
        return reader.plainText == "off" ? nil : reader.positiveDuration()
    }

    private static func aliases(_ reader: NodeReader?, of name: String, names: inout ModelNames) -> [String] {
        var aliases: [String] = []
        for element in reader?.list(of: "names") ?? [] {
            guard let alias = element.text(mayBeEmpty: true) else { continue }
            if names.add(alias, of: name, at: element) { aliases.append(alias) }
        }
        return aliases
    }

    private static func runtime(_ reader: NodeReader?, of model: NodeReader, context: ModelContext) -> String? {
        guard let reader else {
            if context.runtimes.count == 1 { return context.runtimes.first }
            model.refuse(
                "\(model.setting) does not say which runtime serves it, and there are \(context.runtimes.count)",
                "add 'runtime:' with one of \(context.runtimes.joined(separator: ", "))")
            return nil
        }
        guard let name = reader.text() else { return nil }
        if context.runtimes.contains(name) { return name }
        reader.refuse(
            "there is no runtime '\(name)'",
            NearestWord.find(name, in: context.runtimes).map { "did you mean '\($0)'?" }
                ?? "use one of \(context.runtimes.joined(separator: ", ")), or add it under 'runtimes'")
        return nil
    }

    private static func path(_ reader: NodeReader?, of model: NodeReader, paths: PathResolver) -> ModelPath? {
        guard let reader else {
            model.refuse("\(model.setting) has no path", "add 'path:' with a folder or a hub id")
            return nil
        }
        guard let text = reader.text() else { return nil }
        if let path = ModelPath(text, paths: paths) { return path }
        reader.refuse(
            "\(reader.setting) is '\(text)', which is no folder that exists and no hub id",
            "write a folder as ./\(text), or a hub id as ORGANISATION/NAME")
        return nil
    }
}
