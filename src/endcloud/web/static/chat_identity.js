// Who the customer is to the service: an anonymous visitor, whose token anybody gets and this browser keeps, or a
// customer of the shop, whose token the shop's own page hands over and who may rate, be remembered and be forgotten.

import { Api, ApiError } from "./api.js";
import { keep, kept } from "./i18n.js";

export class Identity {
  #source = null;
  #token = null;
  #asking = null;
  #known = false; // a token of the shop was had
  #guest = false; // the shop says that nobody is logged in

  /** `base` is where the service is; `store` is the beginning of all names kept in this browser. */
  constructor(base, store) {
    this.base = base;
    this.store = store;
    this.open = new Api({ base }); // asks without a token
  }

  /** Whether a token of the shop is used, rather than a visitor's. */
  get customer() {
    return this.#source !== null && !this.#guest;
  }

  /** `source()` resolves to the customer's token; null: an anonymous visitor. */
  use(source) {
    this.#source = source;
    this.#known = this.#guest = false;
    this.#token = null;
    this.#asking = null;
  }

  async token() {
    if (this.#token) return this.#token;
    this.#asking ??= this.#fresh();
    try {
      this.#token = await this.#asking;
    } finally {
      this.#asking = null;
    }
    return this.#token;
  }

  /** Asks for another token after `refused` was; false where there is only the same one. */
  async renew(refused) {
    if (this.#token && this.#token !== refused) return true; // another request was refused first
    this.#token = null;
    if (!this.customer && !this.#asking) keep(`${this.store}:visitor`, null);
    try {
      return (await this.token()) !== refused;
    } catch (error) {
      if (error instanceof ApiError && error.passing) throw error;
      return false;
    }
  }

  /** The name under which this person's things are kept here: what the token says of them, which is no secret.
   *  Throws ApiError where no token is to be had. */
  async name() {
    if (!this.#source) return "visitor";
    const token = await this.token();
    if (!this.customer) return "visitor";
    try {
      const { sub } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
      if (sub) return `customer ${sub}`;
    } catch {
      /* no token at all */
    }
    throw new ApiError(401, "The shop's page gave something that is no token.");
  }

  /** Lets go of the visitor that this browser was. */
  forget() {
    this.#token = null;
    keep(`${this.store}:visitor`, null);
  }

  async #fresh() {
    if (this.customer) {
      const token = await this.#given();
      if (token) return token;
    }
    const known = kept(`${this.store}:visitor`);
    if (known) return known;
    const { token } = await this.open.post("v1/visitors");
    keep(`${this.store}:visitor`, token);
    return token;
  }

  /** The shop's token; null where nobody was logged in there from the beginning: then the customer is a visitor. */
  async #given() {
    let token = null;
    try {
      token = await this.#source();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    }
    if (!token && this.#known) throw new ApiError(401, "The shop's page gives no token any more.");
    this.#known = Boolean(token);
    this.#guest = !token;
    return token;
  }
}

/** A source of tokens that asks an address of the shop's own site, with its cookies: it answers {"token": "…"}. */
export function tokenFrom(url) {
  return async () => {
    let response;
    try {
      response = await fetch(url, { method: "POST", credentials: "same-origin", headers: { accept: "application/json" } });
    } catch {
      throw new ApiError(0, "The shop's login was not reached.");
    }
    if (response.status >= 500) throw new ApiError(response.status, "The shop's login does not answer.");
    if (!response.ok) throw new ApiError(401, "The shop says that nobody is logged in.");
    return (await response.json()).token;
  };
}
