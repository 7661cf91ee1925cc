import ArgumentParser
import CPlatform
import ControlProtocol
import Dispatch
import Foundation

/// A template, front end or core, started in the place of a fork.
struct ChildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "child", abstract: "Be a template, a front end or a core.", shouldDisplay: false)

    @OptionGroup var dial: DialOptions

    @Option var role: WireRole

    @Option var device: String

    @Option(parsing: .upToNextOption, help: "The processors that it may use; none: all.")
    var cores: [Int] = []

    @Option var temporaryDirectory: String

    @Option(help: "What its template hands down, as JSON; none: a zygote made it.", transform: Inheritance.init(text:))
    var inherited: Inheritance?

    func run() throws {
        let behaviour = try RuntimeBehaviour(environment: ProcessInfo.processInfo.environment)
        if behaviour.childrenCrash {
            log("SIM_IDLE_CRASH is set: ending before hello")
            endProcess(.failed)
        }
        if let inherited, try SimulatedArguments(inherited.arguments).templateChildrenCrash {
            log("sim-template-children-crash: ending before hello")
            endProcess(.failed)
        }
        wc_ignore_sigpipe()
        umask(0o077)
        // Before the first other thread is made, because threads inherit it.
        if !cores.isEmpty {
            let result = cores.map(Int32.init).withUnsafeBufferPointer {
                wc_set_affinity($0.baseAddress, Int32($0.count))
            }
            if result != 0 { log("could not use only the given cores", ["error": errnoText(-result)]) }
        }
        if mkdir(temporaryDirectory, 0o700) != 0, errno != EEXIST {
            log("could not make the temporary directory", ["error": errnoText(errno)])
            endProcess(.failed)
        }
        let command = self
        Task { endProcess(await command.serve(behaviour)) }
        dispatchMain()
    }

    private func serve(_ behaviour: RuntimeBehaviour) async -> ProcessEnd {
        let link = ControlLink(identity: .init(dial: dial, role: role, helloVersion: behaviour.helloVersion))
        guard role == .template else {
            return await link.run(
                serving: EngineProcess(role: role, device: device, inherited: inherited, link: link))
        }
        return await link.run(serving: Template(dial: dial, device: device, link: link, behaviour: behaviour))
    }
}

extension WireRole: ExpressibleByArgument {}
