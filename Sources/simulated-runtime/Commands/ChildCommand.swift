import ArgumentParser
import CPlatform
import ControlProtocol
import Dispatch
import Foundation

/// A template, front end, core or worker, started in the place of a fork.
struct ChildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "child", abstract: "Be a template, a front end, a core or a worker.", shouldDisplay: false)

    @OptionGroup var dial: DialOptions

    @Option var role: WireRole

    @Option var device: String

    @Option(parsing: .upToNextOption, help: "The processors that it may use; none: all.")
    var cores: [Int] = []

    @Option var temporaryDirectory: String

    @Option(help: "What its template hands down, as JSON; none: a zygote made it.", transform: Inheritance.init(text:))
    var inherited: Inheritance?

    @Option(help: "Where a worker listens.")
    var socket: String?

    @Flag(help: "Never answer 'lease'.")
    var hangsOnLease = false

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
        switch role {
        case .template:
            return await link.run(serving: Template(dial: dial, device: device, link: link, behaviour: behaviour))
        case .frontEnd, .core:
            return await link.run(
                serving: EngineProcess(role: role, device: device, inherited: inherited, dial: dial, link: link))
        case .worker:
            guard let socket else { return misled("a worker needs --socket") }
            let worker = WorkerProcess(device: device, hangsOnLease: hangsOnLease, behaviour: behaviour)
            do {
                // Before its hello: who is told of the worker finds it.
                try await worker.listen(on: socket)
            } catch {
                return misled("\(socket): \(error)")
            }
            return await link.run(serving: worker)
        case .zygote, .executor:
            return misled("--role \(role.rawValue) is no child's")
        }
    }

    private func misled(_ reason: String) -> ProcessEnd {
        log("cannot start", ["reason": reason])
        return .failed
    }
}

extension WireRole: ExpressibleByArgument {}
