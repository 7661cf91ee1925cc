import ArgumentParser
import Foundation
import Scheduling

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what happens to workers, engines, leases and templates, one line each, until Ctrl-C.",
        discussion: "It ends also when the controller does. What happened before is not shown.")

    @OptionGroup var server: ServerOptions
    @Flag(help: "Print each event as the API's JSON, one a line.")
    var json = false

    func run() async throws {
        try await server.withClient { client in
            try await client.follow { event in
                try Terminal.write((json ? event.data : Self.line(of: event)) + "\n")
            }
        }
    }

    static func line(of event: ServerSentEvent, in zone: TimeZone = .current) throws(ClientError) -> String {
        do {
            if event.name == "lagged" {
                let lagged = try JSONDecoder().decode(Lagged.self, from: Data(event.data.utf8))
                return "(\(Units.count(lagged.missed, "event")) missed: this command did not keep up)"
            }
            return try JSONDecoder().decode(RecordedEvent.self, from: Data(event.data.utf8)).line(in: zone)
        } catch {
            throw .failed("the event makes no sense to this version of the command: \(event.data)")
        }
    }

    private struct Lagged: Decodable { let missed: Int }
}
