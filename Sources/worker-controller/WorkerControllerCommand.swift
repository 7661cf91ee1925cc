import ArgumentParser
import Foundation
import WorkerController

@main
struct WorkerControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker-controller",
        abstract:
            "Serves many models from few devices: keeps processes warm and gives them a model when a request asks.",
        discussion: """
            "serve" is the controller itself; the other commands talk to a running one, found by --address or by the \
            environment variable \(ServerOptions.variable), by default at \(ControllerAddress.standard).

            Exit codes:
            \(ExitReason.table)
            """,
        version: ControllerServer.version,
        subcommands: [
            Serve.self, Run.self, ListEngines.self, ListModels.self, ListWorkers.self, Load.self, Unload.self,
            Sleep.self, Wake.self, Park.self, Engines.self, Logs.self, Events.self, Config.self,
        ])

    static func main() async {
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let status = ExitReason(of: error) else { exit(withError: error) }
            // A mistake in the config begins with its file and line, as editors and people look for it.
            Terminal.complain(status == .configuration ? "\(error)" : "Error: \(error)")
            Foundation.exit(status.rawValue)
        }
    }
}
