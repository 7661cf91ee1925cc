import ArgumentParser

struct ListModels: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Lists the configured models: the tier of each, and what became of its template.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await server.withClient { client in
            try await client.models().show(json: output.json, \.table)
        }
    }
}
