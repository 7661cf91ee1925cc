import ArgumentParser
import CPlatform
import ControlProtocol
import Dispatch
import Foundation

/// The zygote, started by the controller.
struct ZygoteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "zygote", abstract: "Make processes for a controller.", shouldDisplay: false)

    @OptionGroup var dial: DialOptions

    func run() throws {
        let behaviour = try RuntimeBehaviour(environment: ProcessInfo.processInfo.environment)
        wc_ignore_sigpipe()
        umask(0o077)
        let dial = dial
        Task {
            let end = await Zygote.run(dial: dial, behaviour: behaviour)
            endProcess(end)
        }
        dispatchMain()
    }
}
