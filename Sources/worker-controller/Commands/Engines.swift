import ArgumentParser
import Foundation

struct Engines: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes and deletes engines of models that the config does not name; alone, lists all engines.",
        subcommands: [ListEngines.self, CreateEngine.self, DeleteEngine.self], defaultSubcommand: ListEngines.self)
}

struct CreateEngine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes an engine of a model, and returns when it is ready.",
        discussion: """
            Requests name it by its id, and by MODEL as the controller shows it. It lives as long as the controller, or until \
            it is deleted.
            """)

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "What it is to be called; made up if it is left out.")
    var id: String?
    @Option(
        name: [.customShort("s"), .long], parsing: .singleValue,
        help: ArgumentHelp(
            "A setting of the model, or an argument of vLLM's server, as max_model_len=2048. May be repeated.",
            valueName: "name=value"))
    var set: [Setting] = []
    @Flag(name: .customLong("no-wait"), help: "Return as soon as it is known, without waiting until it is ready.")
    var isImpatient = false
    @Argument(help: "A folder, or a hub id.")
    var model: String

    func run() async throws {
        let order = EngineOrder(
            model: model, id: id, settings: set, folder: FileManager.default.currentDirectoryPath)
        try await server.withClient { client in
            try await client.create(order, waits: !isImpatient).show(json: output.json, \.sentence)
        }
    }
}

struct DeleteEngine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Ends an engine when its requests are done, and returns when it is gone.",
        discussion: "A model that the config names is unloaded, and can be loaded again.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "The engine's id.")
    var id: String

    func run() async throws {
        try await server.withClient { client in
            try await client.delete(id).show(json: output.json, \.message)
        }
    }
}

/// `NAME=VALUE`.
struct Setting: ExpressibleByArgument, Equatable {
    let name: String
    let value: EngineOrder.Value

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        name = String(parts[0].replacing("-", with: "_"))
        value = EngineOrder.Value(String(parts[1]))
    }
}
