import ArgumentParser

struct ListEngines: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "Lists the engines: the models that are loaded or being loaded.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Also show how long each stage of the start took.")
    var timings = false

    func run() async throws {
        try await server.withClient { client in
            try await client.engines().show(json: output.json) { $0.table(timings: timings) }
        }
    }
}
