import ArgumentParser

struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the last lines of the log of a model, engine, runtime or process.")

    @OptionGroup var server: ServerOptions
    @Option(name: [.customShort("n"), .long], help: "How many lines, 1 to 10000.")
    var lines = 100
    @Argument(help: "A model's name, or an id like e-3 or p-17.")
    var id: String

    func validate() throws {
        guard (1...10_000).contains(lines) else {
            throw ValidationError("--lines is \(lines); give a number from 1 to 10000.")
        }
    }

    func run() async throws {
        try await server.withClient { client in
            try await client.log(of: id, lines: lines) { try Terminal.write($0 + "\n") }
        }
    }
}
