import ArgumentParser

struct ListEngines: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "Lists the engines: the models that are loaded or being loaded.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Show the starts instead: from which tier, how long in all, and how long each stage took.")
    var timings = false

    func run() async throws {
        try await server.withClient { client in
            try await client.engines().show(json: output.json) { timings ? $0.timingTable : $0.table }
        }
    }
}
