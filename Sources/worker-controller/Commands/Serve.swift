import ArgumentParser
import ControllerConfiguration
import Logging
import WorkerController

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the controller until it is told to stop (Ctrl-C or SIGTERM; a second one stops at once).")

    @Option(help: ArgumentHelp("The config.", valueName: "file"))
    var config = Config.standardPath
    @Option(help: "The least that is logged: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).")
    var logLevel: Logger.Level = .info

    func run() async throws {
        let configuration = try Configuration.load(path: config)
        LoggingSystem.bootstrap { [logLevel] label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = logLevel
            return handler
        }
        try await ControllerServer(configuration: configuration, logger: Logger(label: "worker-controller")).run()
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
