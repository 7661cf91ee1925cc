import ArgumentParser

struct Unload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ends a model's engine when its requests are done, and returns when its memory is back.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "A model's name or alias.")
    var model: String

    func run() async throws {
        try await server.withClient { client in
            try await client.unload(model).show(json: output.json) { report in
                guard !report.engines.isEmpty else { return "\(report.model): was not loaded" }
                return "\(report.model): ended \(report.engines.joined(separator: ", ")), "
                    + "\(Units.bytes(report.freedBytes)) back in \(Units.milliseconds(report.milliseconds))"
            }
        }
    }
}
