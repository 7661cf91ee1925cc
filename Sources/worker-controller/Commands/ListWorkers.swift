import ArgumentParser

struct ListWorkers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers",
        abstract: "Lists the processes that are kept warm or in use: workers, and the templates of models.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await server.withClient { client in
            try await client.workers().show(json: output.json, \.table)
        }
    }
}
