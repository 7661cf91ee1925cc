import ArgumentParser

struct Sleep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a model to sleep when its requests are done: only its weights stay in memory.",
        discussion: "A model that is not loaded is brought there too: its weights are loaded and kept.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "A model's name or alias.")
    var model: String

    func run() async throws {
        try await server.withClient { client in
            try await client.sleep(model).show(json: output.json, \.sentence)
        }
    }
}
