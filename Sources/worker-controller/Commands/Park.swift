import ArgumentParser

struct Park: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes an engine give its leased workers back when its requests are done; its front end stays.",
        discussion: "The next request gives it workers again, and so does load.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "An engine's id, or a model's name or alias.")
    var engine: String

    func run() async throws {
        try await server.withClient { client in
            try await client.park(engine).show(json: output.json, \.sentence)
        }
    }
}
