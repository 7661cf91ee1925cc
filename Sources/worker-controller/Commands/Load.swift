import ArgumentParser

struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Loads a model, and returns when it is ready.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "A model's name or alias.")
    var model: String

    func run() async throws {
        try await server.withClient { client in
            try await client.load(model).show(json: output.json, \.sentence)
        }
    }
}
