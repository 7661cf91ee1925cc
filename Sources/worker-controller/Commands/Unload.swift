import ArgumentParser

struct Unload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ends a model's engine when its requests are done, and returns when its memory is back.",
        discussion: "The weights of a model that is asleep are given up too.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "A model's name or alias.")
    var model: String

    func run() async throws {
        try await server.withClient { client in
            try await client.unload(model).show(json: output.json, \.sentence)
        }
    }
}
