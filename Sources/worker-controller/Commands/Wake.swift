import ArgumentParser

struct Wake: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Loads a model that is asleep, and returns when it is ready.",
        discussion: "A request to it does the same. One that is neither asleep nor loaded is refused: load it.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "A model's name or alias.")
    var model: String

    func run() async throws {
        try await server.withClient { client in
            try await client.wake(model).show(json: output.json, \.sentence)
        }
    }
}
