import ArgumentParser
import Foundation

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Asks a model, which is loaded if need be, and prints its answer as it comes.",
        discussion: """
            Without a prompt, one is read from standard input if that is not a terminal; otherwise a conversation begins, \
            which an empty line or Ctrl-D ends.
            """)

    @OptionGroup var server: ServerOptions
    @Option(help: "The longest answer, in tokens.")
    var maxTokens: Int?
    @Option(help: "0 always takes the likeliest token.")
    var temperature: Double?
    @Option(help: "An instruction that stands before the conversation.")
    var system: String?
    @Flag(help: "Say after the answer, on standard error, what took how long.")
    var timings = false
    @Argument(help: "A model's name or alias.")
    var model: String
    @Argument(help: "What to ask.")
    var prompt: String?

    /// As much as the gateway takes of a body by default.
    private static let largestPrompt = 64 << 20

    func validate() throws {
        if let maxTokens, maxTokens < 1 {
            throw ValidationError("--max-tokens is \(maxTokens); give 1 or more.")
        }
        if let temperature, !(0...2).contains(temperature) {
            throw ValidationError("--temperature is \(temperature); give a number from 0 to 2.")
        }
    }

    func run() async throws {
        try await server.withClient { client in
            var conversation = Conversation(system: system)
            if let prompt {
                try await ask(prompt, in: &conversation, client)
            } else if isatty(STDIN_FILENO) == 0 {
                try await ask(Self.promptFromInput(), in: &conversation, client)
            } else {
                while let line = try Self.line(), !line.isEmpty {
                    try await ask(line, in: &conversation, client)
                }
            }
        }
    }

    private func ask(_ text: String, in conversation: inout Conversation, _ client: ControllerClient) async throws {
        conversation.ask(text)
        let request = ChatRequest(
            model: model, messages: conversation.messages, maxTokens: maxTokens, temperature: temperature)
        var isLineOpen = false
        let answer: ChatAnswer
        do {
            answer = try await client.chat(request) { text in
                isLineOpen = true
                try Terminal.write(text)
            }
        } catch {
            // What went wrong is told on a line of its own.
            if isLineOpen { try? Terminal.write("\n") }
            throw error
        }
        try Terminal.write("\n")
        conversation.hear(answer.text)
        if timings { Terminal.complain(answer.timingTable) }
    }

    private static func line() throws -> String? {
        try Terminal.write("> ")
        guard let line = readLine() else {
            try Terminal.write("\n")
            return nil
        }
        return line
    }

    private static func promptFromInput() throws -> String {
        var data = Data()
        while let more = try FileHandle.standardInput.read(upToCount: 1 << 16), !more.isEmpty {
            data.append(more)
            guard data.count <= largestPrompt else {
                throw ValidationError("The prompt on standard input is larger than \(largestPrompt >> 20) MiB.")
            }
        }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else {
            throw ValidationError("There is no prompt: give it as an argument or on standard input.")
        }
        return text
    }
}
